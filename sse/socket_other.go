//go:build !unix

package sse

import "errors"

const nonBlocking = false

func writeNow(uintptr, []byte) (int, error) { return 0, nil }

func closedNow(uintptr) bool { return false }

func leftNow(uintptr) bool { return false }

func duplicate(uintptr) (uintptr, error) { return 0, errors.ErrUnsupported }

func closeNow(uintptr) {}
