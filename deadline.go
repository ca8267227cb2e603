package main

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// lazyListener accepts connections whose deadlines cost next to nothing to put
// off. The HTTP server does so three times per request, and each time the runtime
// moves a timer, which is a twentieth of what a tool call costs.
type lazyListener struct{ net.Listener }

// Accept implements net.Listener.
func (l lazyListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &lazyConn{Conn: c}, nil
}

// lazyConn keeps to its deadlines exactly. It moves the runtime's timer only to an
// earlier time: one that goes off too soon is set anew by whoever it woke.
type lazyConn struct {
	net.Conn
	read, write lazyDeadline
}

// lazyDeadline is one of a connection's two deadlines.
type lazyDeadline struct {
	mu  sync.Mutex
	due time.Time // as it was set last; zero is never
	set time.Time // to what the runtime's timer is set, never later than due
}

// put notes a deadline and moves the timer if it would go off too late, or must
// not go off at all.
func (d *lazyDeadline) put(due time.Time, move func(time.Time) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.due = due
	if d.set.IsZero() && due.IsZero() || !d.set.IsZero() && !due.IsZero() && !due.Before(d.set) {
		return nil
	}
	d.set = due
	return move(due)
}

// early reports whether err only says that the timer went off too soon, and sets
// it to the deadline.
func (d *lazyDeadline) early(err error, move func(time.Time) error) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.due.IsZero() && !time.Now().Before(d.due) {
		return false
	}
	d.set = d.due
	return move(d.due) == nil
}

// SetDeadline implements net.Conn.
func (c *lazyConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (c *lazyConn) SetReadDeadline(t time.Time) error { return c.read.put(t, c.Conn.SetReadDeadline) }

// SetWriteDeadline implements net.Conn.
func (c *lazyConn) SetWriteDeadline(t time.Time) error {
	return c.write.put(t, c.Conn.SetWriteDeadline)
}

// Read implements net.Conn.
func (c *lazyConn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if err == nil || n > 0 || !c.read.early(err, c.Conn.SetReadDeadline) {
			return n, err
		}
	}
}

// Write implements net.Conn.
func (c *lazyConn) Write(b []byte) (written int, err error) {
	for {
		n, err := c.Conn.Write(b[written:])
		written += n
		if err == nil || !c.write.early(err, c.Conn.SetWriteDeadline) {
			return written, err
		}
	}
}

// SyscallConn lets streams have the descriptor. Whoever works on that must have
// taken the deadlines away (SetDeadline with the zero time): the timer's are not
// the connection's.
func (c *lazyConn) SyscallConn() (syscall.RawConn, error) {
	sc, ok := c.Conn.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return sc.SyscallConn()
}
