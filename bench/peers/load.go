package main

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// request is one HTTP request, ready to be written, and the status it must be
// answered with.
type request struct {
	bytes  []byte
	status int
}

// window is one measured stretch of load: a closed loop over some keep-alive
// connections, each with one request under way.
type window struct {
	addr     netip.AddrPort
	conns    int
	time     time.Duration
	requests []request
	// once: no request is sent twice, as with one-time codes. The window then
	// ends early when they are used up.
	once bool
	// expect is in the body of every answer with status 200.
	expect string
}

// outcome is what a window measured.
type outcome struct {
	done    int           // answers within the time
	good    []int64       // nanoseconds of each answer with status 200, sorted
	elapsed time.Duration // from the first request to the end
}

// perSecond is the rate of answers.
func (o outcome) perSecond() float64 { return float64(o.done) / o.elapsed.Seconds() }

// quantile of the latencies of good answers, in milliseconds.
func (o outcome) quantile(q float64) float64 {
	if len(o.good) == 0 {
		return 0
	}
	return float64(o.good[min(len(o.good)-1, int(q*float64(len(o.good))))]) / 1e6
}

// grace is how long an answer may be overdue when the window ends.
const grace = 20 * time.Second

// client drives one window on one thread with its own epoll: the generator has
// one core, as the server has, and must not be the slower side. It never sleeps:
// to wake a sleeping core costs the one who writes to it more than the write, so
// a server that is a little slower would be charged for the generator's pauses,
// and one that keeps it busy would not. Go's collector is off meanwhile; it would
// stand in the latencies.
type client struct {
	window
	epoll    int
	conns    map[int32]*conn
	next     int
	start    time.Time
	deadline time.Time
	outcome
}

type conn struct {
	fd     int
	sent   time.Time
	want   int
	answer answer
}

// run drives the window. An answer with another status or body than expected
// is an error: a server that fails fast would win every comparison.
func (w window) run() (outcome, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return outcome{}, err
	}
	c := &client{window: w, epoll: epoll, conns: make(map[int32]*conn)}
	defer c.close()
	c.good = make([]int64, 0, 1<<20)
	for range w.conns {
		if err := c.dial(); err != nil {
			return outcome{}, err
		}
	}
	if err := c.loop(); err != nil {
		return outcome{}, err
	}
	slices.Sort(c.good)
	return c.outcome, nil
}

func (c *client) dial() error {
	fd, err := connect(c.addr)
	if err != nil {
		return err
	}
	c.conns[int32(fd)] = &conn{fd: fd, answer: answer{expect: []byte(c.expect)}}
	return unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}

// connect opens a non-blocking TCP connection.
func connect(addr netip.AddrPort) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	err = errors.Join(
		unix.Connect(fd, &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.SetNonblock(fd, true))
	if err != nil {
		unix.Close(fd) //nolint:errcheck // the first error counts
		return 0, fmt.Errorf("connecting to %v: %w", addr, err)
	}
	return fd, nil
}

func (c *client) close() {
	for _, k := range c.conns {
		unix.Close(k.fd) //nolint:errcheck // the window is over
	}
	unix.Close(c.epoll) //nolint:errcheck // the window is over
}

func (c *client) loop() error {
	c.start = time.Now()
	c.deadline = c.start.Add(c.time)
	waiting := 0
	for _, k := range c.conns {
		sent, err := c.send(k, c.start)
		if err != nil {
			return err
		}
		if sent {
			waiting++
		}
	}
	events := make([]unix.EpollEvent, 256)
	for last := c.start; waiting > 0; {
		n, err := unix.EpollWait(c.epoll, events, 0)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil || n == 0 && time.Since(last) > grace:
			return errors.Join(err, fmt.Errorf("%v does not answer", c.addr))
		case n > 0:
			last = time.Now()
		}
		for _, e := range events[:n] {
			idle, err := c.readable(c.conns[e.Fd])
			if err != nil {
				return err
			}
			if idle {
				waiting--
			}
		}
	}
	return nil
}

// send writes the next request. It reports false when the window is over.
func (c *client) send(k *conn, now time.Time) (bool, error) {
	if c.once && c.next == len(c.requests) || !now.Before(c.deadline) {
		c.elapsed = max(c.elapsed, min(now.Sub(c.start), c.time))
		return false, nil
	}
	r := c.requests[c.next%len(c.requests)]
	c.next++
	k.sent, k.want = now, r.status
	k.answer.reset()
	n, err := unix.Write(k.fd, r.bytes)
	if err != nil || n < len(r.bytes) {
		return false, fmt.Errorf("writing to %v: %d of %d bytes, %w", c.addr, n, len(r.bytes), err)
	}
	return true, nil
}

// readable takes what has arrived. It reports true when the connection has
// nothing more to do.
func (c *client) readable(k *conn) (idle bool, err error) {
	n, err := unix.Read(k.fd, k.answer.space())
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return false, nil
	case err != nil || n == 0:
		return false, fmt.Errorf("%v closed the connection: %w", c.addr, errors.Join(err, errUnexpected))
	}
	complete, err := k.answer.add(n)
	if err != nil || !complete {
		return false, err
	}
	now := time.Now()
	if k.answer.status != k.want || k.want == 200 && !k.answer.asExpected() {
		return false, fmt.Errorf("%v answered, want %d and %q:\n%s", c.addr, k.want, c.expect, k.answer.text())
	}
	if k.want == 200 {
		c.good = append(c.good, now.Sub(k.sent).Nanoseconds())
	}
	if now.Before(c.deadline) {
		c.done++
	}
	sent, err := c.send(k, now)
	return !sent, err
}

var errUnexpected = errors.New("unexpected end")
