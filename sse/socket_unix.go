//go:build unix

package sse

import "syscall"

// nonBlocking: the functions below work on this system.
const nonBlocking = true

// writeNow is one write that does not wait.
func writeNow(fd uintptr, b []byte) (int, error) {
	for {
		n, err := syscall.Write(int(fd), b)
		switch err {
		case syscall.EINTR:
			continue
		case nil:
			return n, nil
		case syscall.EAGAIN:
			return 0, nil
		default:
			return 0, err
		}
	}
}

// closedNow reads without waiting: the end of the stream, or an error, means
// that the peer is gone.
func closedNow(fd uintptr) bool {
	var scrap [512]byte
	for {
		n, err := syscall.Read(int(fd), scrap[:])
		switch err {
		case syscall.EINTR:
			continue
		case nil:
			return n == 0
		default:
			return err != syscall.EAGAIN
		}
	}
}

// leftNow is closedNow, but leaves what it reads.
func leftNow(fd uintptr) bool {
	var scrap [1]byte
	for {
		n, _, err := syscall.Recvfrom(int(fd), scrap[:], syscall.MSG_PEEK)
		switch err {
		case syscall.EINTR:
			continue
		case nil:
			return n == 0
		default:
			return err != syscall.EAGAIN
		}
	}
}

// duplicate returns a second descriptor of the same connection, which no program
// that is started inherits.
func duplicate(fd uintptr) (uintptr, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	n, err := syscall.Dup(int(fd))
	if err != nil {
		return 0, err
	}
	syscall.CloseOnExec(n)
	return uintptr(n), nil
}

func closeNow(fd uintptr) {
	syscall.Close(int(fd)) //nolint:errcheck // nobody is left to tell
}
