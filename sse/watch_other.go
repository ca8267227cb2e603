//go:build !linux || portable

package sse

import "errors"

const polls = false

func openPoll() (int, error) { return 0, errors.ErrUnsupported }

func closePoll(int) {}

func pollPeer(int, uintptr, uint64) error { return errors.ErrUnsupported }

func pollGone(int, func(uint64)) {}
