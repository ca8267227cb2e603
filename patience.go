package main

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// patience is how long the server waits on a connection: in the HTTP server's own
// hands each request would look at the clock and move a timer three times, a
// twentieth of what a tool call costs. The limits are the same (fasthttp's
// ReadTimeout, IdleTimeout and WriteTimeout) and hold from tick to tick of a clock
// of their own, up to two ticks longer.
type patience struct {
	request time.Duration // from its first byte, or from a new connection, to its last
	idle    time.Duration // between two requests
	answer  time.Duration // to take what is written at a time

	began time.Time    // moments are counted from then
	now   atomic.Int64 // the moment of the last tick
}

func newPatience(request, idle, answer time.Duration) *patience {
	return &patience{request: request, idle: idle, answer: answer, began: time.Now()}
}

// tick is rare, for an idle server should sleep: ten times a second was half a
// percent of a core.
const tick = 500 * time.Millisecond

// begin starts the clock; stop ends it.
func (p *patience) begin() (stop func()) {
	done := make(chan struct{})
	p.now.Store(p.moment(time.Now()))
	go func() {
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for {
			select {
			case now := <-ticker.C:
				p.now.Store(p.moment(now))
			case <-done:
				return
			}
		}
	}()
	return sync.OnceFunc(func() { close(done) })
}

// moment is a time in nanoseconds since the patience began, which are cheaper to
// keep and to compare. Zero is never; what was over before is over.
func (p *patience) moment(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return max(1, int64(t.Sub(p.began)))
}

// time undoes moment.
func (p *patience) time(moment int64) time.Time {
	if moment == 0 {
		return time.Time{}
	}
	return p.began.Add(time.Duration(moment))
}

// end is when so much time is surely over.
func (p *patience) end(d time.Duration) (moment int64) { return p.now.Load() + int64(d+tick) }

// follow takes the limits out of a server's hands, before it serves.
func (p *patience) follow(s *fasthttp.Server) {
	s.ReadTimeout, s.IdleTimeout, s.WriteTimeout = 0, 0, 0
	s.ConnState = p.attend
	s.LazyRequestTime = true // nobody asks but who counts the requests
}

// attend is told what a connection does. A new one has the time of a request, so
// that nobody holds one for nothing.
func (p *patience) attend(c net.Conn, state fasthttp.ConnState) {
	l, ok := c.(*lazyConn)
	if !ok || l.taken.Load() {
		return
	}
	switch state {
	case fasthttp.StateNew:
		l.putRead(p.end(p.request)) //nolint:errcheck // the next Read tells
	case fasthttp.StateIdle:
		l.rested = true
		l.putRead(p.end(p.idle)) //nolint:errcheck // the next Read tells
	case fasthttp.StateActive:
		if l.rested {
			l.putRead(p.end(p.request)) //nolint:errcheck // the next Read tells
		}
	}
}

// lazyListener accepts connections that are waited on with patience.
type lazyListener struct {
	net.Listener
	patience *patience
}

// Accept implements net.Listener.
func (l lazyListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newLazyConn(c, l.patience), nil
}

func newLazyConn(c net.Conn, p *patience) *lazyConn { return &lazyConn{Conn: c, patience: p} }

// lazyConn keeps to its deadlines exactly. It moves the runtime's timer only to an
// earlier time: one that goes off too soon is set anew by whoever it woke. Whoever
// sets a deadline of his own takes the connection over.
type lazyConn struct {
	net.Conn
	patience    *patience
	rested      bool // it has had a request; only the server's goroutine asks
	taken       atomic.Bool
	read, write lazyDeadline
}

// lazyDeadline is one of a connection's two deadlines, in moments of its patience.
type lazyDeadline struct {
	due atomic.Int64 // as it was set last
	set atomic.Int64 // to what the runtime's timer is set
	mu  sync.Mutex   // held while that is moved
}

// put notes a deadline and reports whether the timer would go off too late, or must
// not go off at all, and so has to be moved. What it does first, note and then
// look, move does the other way round: one of them sees the other.
func (d *lazyDeadline) put(due int64) (late bool) {
	d.due.Store(due)
	set := d.set.Load()
	return set != due && (set == 0 || due < set)
}

// move sets the timer to the deadline. The lock is held.
func (d *lazyDeadline) move(p *patience, timer func(time.Time) error) error {
	for {
		due := d.due.Load()
		d.set.Store(due)
		if err := timer(p.time(due)); err != nil || d.due.Load() == due {
			return err
		}
	}
}

// early reports whether err only says that the timer went off too soon, and sets
// it to the deadline.
func (d *lazyDeadline) early(err error, p *patience, timer func(time.Time) error) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if due := d.due.Load(); due != 0 && due <= p.moment(time.Now()) {
		return false
	}
	return d.move(p, timer) == nil
}

func (c *lazyConn) putRead(due int64) error {
	if !c.read.put(due) {
		return nil
	}
	c.read.mu.Lock()
	defer c.read.mu.Unlock()
	return c.read.move(c.patience, c.Conn.SetReadDeadline)
}

func (c *lazyConn) putWrite(due int64) error {
	if !c.write.put(due) {
		return nil
	}
	c.write.mu.Lock()
	defer c.write.mu.Unlock()
	return c.write.move(c.patience, c.Conn.SetWriteDeadline)
}

// SetDeadline implements net.Conn.
func (c *lazyConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (c *lazyConn) SetReadDeadline(t time.Time) error {
	c.taken.Store(true)
	return c.putRead(c.patience.moment(t))
}

// SetWriteDeadline implements net.Conn.
func (c *lazyConn) SetWriteDeadline(t time.Time) error {
	c.taken.Store(true)
	return c.putWrite(c.patience.moment(t))
}

// Read implements net.Conn.
func (c *lazyConn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if err == nil || n > 0 || !c.read.early(err, c.patience, c.Conn.SetReadDeadline) {
			return n, err
		}
	}
}

// Write implements net.Conn.
func (c *lazyConn) Write(b []byte) (written int, err error) {
	if !c.taken.Load() {
		if err := c.putWrite(c.patience.end(c.patience.answer)); err != nil {
			return 0, err
		}
	}
	for {
		n, err := c.Conn.Write(b[written:])
		written += n
		if err == nil || !c.write.early(err, c.patience, c.Conn.SetWriteDeadline) {
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
