package sse

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// socket is a connection that can be written and asked without waiting. Where
// that is not so (TLS connections, and all off Unix) the writing is left to the
// stream's writer, and a goroutine waits for the peer to leave.
//
// A stream that rests holds its descriptor bare. A net.Conn would be a kilobyte
// of deadlines, addresses and places in the runtime's poller, nearly all of what
// a stream costs, and nobody waits for it. The zero value is no socket.
type socket struct {
	conn waiter          // nil while the descriptor is bare
	raw  syscall.RawConn // of conn; nil if it can only be waited for
	bare descriptor
}

// waiter is what a writer needs of a connection. It is a net.Conn, or an os.File
// around a descriptor that was bare.
type waiter interface {
	Read([]byte) (int, error)
	Write([]byte) (int, error)
	SetWriteDeadline(time.Time) error
	Close() error
}

// descriptor is a descriptor of the system plus one, so that zero is none.
type descriptor uintptr

// newSocket is the socket of a connection that somebody else may use too. It
// unwraps what fasthttp hands over, so that its buffers can go.
func newSocket(c net.Conn) socket {
	if wrapped, ok := c.(interface{ UnsafeConn() net.Conn }); ok {
		c = wrapped.UnsafeConn()
	}
	s := socket{conn: c}
	if sc, ok := c.(syscall.Conn); ok && nonBlocking {
		if raw, err := sc.SyscallConn(); err == nil {
			s.raw = raw
		}
	}
	return s
}

// takeSocket is the socket of a connection that is nobody else's: it is taken
// out of the runtime's hands if it can be.
func takeSocket(c net.Conn) socket {
	s := newSocket(c)
	if s.raw == nil {
		return s
	}
	var fd uintptr
	var failed error
	if err := s.raw.Control(func(old uintptr) { fd, failed = duplicate(old) }); err != nil || failed != nil {
		return s // out of descriptors, perhaps; this one is good for the stream
	}
	s.conn.Close() //nolint:errcheck // the copy keeps the connection open
	return socket{bare: descriptor(fd + 1)}
}

// open says whether there is a connection.
func (s socket) open() bool { return s.conn != nil || s.bare != 0 }

// mute says that the socket has a connection that cannot be asked.
func (s socket) mute() bool { return s.conn != nil && s.raw == nil }

// control gives the descriptor to f.
func (s socket) control(f func(fd uintptr)) error {
	switch {
	case s.bare != 0:
		f(uintptr(s.bare - 1))
		return nil
	case s.raw != nil:
		return s.raw.Control(f)
	}
	return errors.ErrUnsupported
}

// tryWrite writes what the socket takes at once.
func (s socket) tryWrite(b []byte) (n int, err error) {
	if s.bare != 0 {
		return writeNow(uintptr(s.bare-1), b)
	}
	if s.raw == nil {
		return 0, nil
	}
	var failed error
	err = s.raw.Write(func(fd uintptr) bool {
		n, failed = writeNow(fd, b)
		return true // never park: one slow peer must not stop the others
	})
	if err == nil {
		err = failed
	}
	return n, err
}

// wait returns the connection for somebody who can wait. The socket is not bare
// any more: who was slow once may be so again.
func (s *socket) wait() waiter {
	if s.bare != 0 {
		file := os.NewFile(uintptr(s.bare-1), "stream") // not nil: the descriptor is good
		s.conn, s.bare = file, 0
		if raw, err := file.SyscallConn(); err == nil {
			s.raw = raw
		}
	}
	return s.conn
}

// close sends what the socket takes at once of a farewell and closes it. A mute
// one has to wait for both; TLS says good-bye even without a farewell.
func (s socket) close(farewell []byte) {
	if s.mute() {
		go partWith(s.conn, farewell)
		return
	}
	if len(farewell) > 0 { // even to write nothing would wait for a writer that is at work
		s.tryWrite(farewell) //nolint:errcheck // best effort, the stream ends anyway
	}
	if s.bare != 0 {
		closeNow(uintptr(s.bare - 1))
		return
	}
	s.conn.Close() //nolint:errcheck // nobody is left to tell
}

// peerLeft is peerGone for a connection that is not ours yet: nothing is read,
// and deadlines do not matter. What a client has sent ahead hides its leaving.
func (s socket) peerLeft() bool {
	left := false
	err := s.control(func(fd uintptr) { left = leftNow(fd) })
	return left || err != nil && !errors.Is(err, errors.ErrUnsupported)
}

// peerGone says whether the peer has closed its side. Whatever it sends on a
// stream is discarded.
func (s socket) peerGone() bool {
	if s.bare != 0 {
		return closedNow(uintptr(s.bare - 1))
	}
	if s.raw == nil {
		return false
	}
	gone := false
	err := s.raw.Read(func(fd uintptr) bool {
		gone = closedNow(fd)
		return true
	})
	return err != nil || gone
}
