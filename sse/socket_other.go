//go:build !unix

package sse

const nonBlocking = false

func writeNow(uintptr, []byte) (int, error) { return 0, nil }

func closedNow(uintptr) bool { return false }

func leftNow(uintptr) bool { return false }
