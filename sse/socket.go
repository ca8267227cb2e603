package sse

import (
	"net"
	"syscall"
)

// socket is a connection that can be written and asked without waiting, where
// the system offers that: raw is nil for TLS connections and off Unix, and then
// all writing is left to the stream's writer.
type socket struct {
	conn net.Conn
	raw  syscall.RawConn
}

// newSocket unwraps what fasthttp hands over, so that its buffers can go.
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

// tryWrite writes what the socket takes at once. A full socket is no error.
func (s socket) tryWrite(b []byte) (n int, err error) {
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

// close closes the connection. A TLS connection says good-bye first and may
// have to wait for that.
func (s socket) close() {
	if s.raw == nil {
		go s.conn.Close() //nolint:errcheck // nobody is left to tell
		return
	}
	s.conn.Close() //nolint:errcheck // nobody is left to tell
}

// peerLeft is peerGone for a connection that is not ours yet: nothing is read,
// and deadlines do not matter. What a client has sent ahead hides its leaving.
func (s socket) peerLeft() bool {
	if s.raw == nil {
		return false
	}
	left := false
	err := s.raw.Control(func(fd uintptr) { left = leftNow(fd) })
	return err != nil || left
}

// peerGone says whether the peer has closed its side. Whatever it sends on a
// stream is discarded.
func (s socket) peerGone() bool {
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
