//go:build !portable

package sse

import "syscall"

// polls: the functions below work on this system.
const polls = true

// openPoll makes a list of our own beside that of the runtime, which watches
// the same sockets for its own purposes.
func openPoll() (int, error) { return syscall.EpollCreate1(syscall.EPOLL_CLOEXEC) }

func closePoll(poll int) {
	syscall.Close(poll) //nolint:errcheck // nothing was written
}

// pollPeer asks for one report when the peer has closed its side, or both are
// broken. What it sends meanwhile is none of our business and wakes nobody.
func pollPeer(poll int, fd uintptr, number uint64) error {
	return syscall.EpollCtl(poll, syscall.EPOLL_CTL_ADD, int(fd), &syscall.EpollEvent{
		Events: syscall.EPOLLRDHUP | syscall.EPOLLONESHOT,
		Fd:     int32(uint32(number)), Pad: int32(uint32(number >> 32)), // 64 bits that come back as they are
	})
}

// pollGone passes on the reports that are there. Every report comes once, so
// that this ends.
func pollGone(poll int, report func(number uint64)) {
	var events [128]syscall.EpollEvent
	for {
		n, err := syscall.EpollWait(poll, events[:], 0)
		if err == syscall.EINTR {
			continue
		}
		for _, e := range events[:max(n, 0)] {
			report(uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32)
		}
		if n < len(events) {
			return
		}
	}
}
