package main

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp"
)

// timed is a connection that counts how often its timers are moved.
type timed struct {
	net.Conn
	moves int
}

func (c *timed) SetReadDeadline(t time.Time) error  { c.moves++; return c.Conn.SetReadDeadline(t) }
func (c *timed) SetWriteDeadline(t time.Time) error { c.moves++; return c.Conn.SetWriteDeadline(t) }

// at runs f with both ends of a connection, in time that passes at once.
func at(t *testing.T, f func(t *testing.T, c *lazyConn, inner *timed, peer net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		here, peer := net.Pipe()
		inner := &timed{Conn: here}
		f(t, newLazyConn(inner, newPatience(0, 0, 0)), inner, peer)
		here.Close()
		peer.Close()
	})
}

func in(d time.Duration) time.Time { return time.Now().Add(d) }

// timesOut expects a Read or a Write to end with a deadline after exactly so long.
func timesOut(t *testing.T, after time.Duration, use func([]byte) (int, error)) {
	t.Helper()
	start := time.Now()
	n, err := use(make([]byte, 8))
	if took := time.Since(start); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || took != after {
		t.Errorf("%d bytes, %v after %v; want a deadline after %v", n, err, took, after)
	}
}

func TestDeadlineThatIsPutOff(t *testing.T) {
	at(t, func(t *testing.T, c *lazyConn, inner *timed, _ net.Conn) {
		for range 100 { // as between requests: the idle time, then that of a request
			c.SetReadDeadline(in(75 * time.Second))
			time.Sleep(time.Millisecond)
			c.SetReadDeadline(in(10 * time.Second))
			c.SetWriteDeadline(in(30 * time.Second))
		}
		if inner.moves > 3 {
			t.Errorf("%d moves of a timer for 100 requests", inner.moves)
		}
		timesOut(t, 10*time.Second, c.Read)
		timesOut(t, 20*time.Second, c.Write)
	})
}

func TestDeadlineThatComesSooner(t *testing.T) {
	at(t, func(t *testing.T, c *lazyConn, _ *timed, _ net.Conn) {
		c.SetDeadline(in(time.Hour))
		c.SetReadDeadline(in(time.Second))
		timesOut(t, time.Second, c.Read)
		timesOut(t, 0, c.Read)
		c.SetWriteDeadline(in(-time.Second))
		timesOut(t, 0, c.Write)
	})
}

// A timer that went off while nobody waited is not the end of what comes later.
func TestDeadlineAfterALongPause(t *testing.T) {
	at(t, func(t *testing.T, c *lazyConn, _ *timed, _ net.Conn) {
		c.SetDeadline(in(time.Second))
		time.Sleep(time.Minute)
		c.SetDeadline(in(5 * time.Second))
		timesOut(t, 5*time.Second, c.Write)
		c.SetReadDeadline(in(5 * time.Second))
		timesOut(t, 5*time.Second, c.Read)
	})
}

// Without a deadline the timer must be still: a stream works past Read and Write.
func TestDeadlineTakenAway(t *testing.T) {
	at(t, func(t *testing.T, c *lazyConn, inner *timed, peer net.Conn) {
		c.SetDeadline(in(time.Second))
		c.SetDeadline(time.Time{})
		if moves := inner.moves; moves != 4 {
			t.Errorf("%d moves, want both timers to be set and stopped", moves)
		}
		go func() { time.Sleep(time.Hour); peer.Write([]byte("late")) }()
		b := make([]byte, 8)
		if n, err := c.Read(b); err != nil || string(b[:n]) != "late" {
			t.Errorf("%q, %v", b[:n], err)
		}
	})
}

// A server that shuts down wakes its connections by a deadline that is over.
func TestDeadlineWakesAReader(t *testing.T) {
	at(t, func(t *testing.T, c *lazyConn, _ *timed, _ net.Conn) {
		c.SetReadDeadline(in(time.Hour))
		go func() { time.Sleep(time.Second); c.SetReadDeadline(in(-1)) }()
		timesOut(t, time.Second, c.Read)
	})
}

// What was written before a timer went off too soon is not written twice, and
// counts when the deadline comes.
func TestDeadlineInTheMiddleOfAWrite(t *testing.T) {
	at(t, func(t *testing.T, c *lazyConn, _ *timed, peer net.Conn) {
		c.SetWriteDeadline(in(10 * time.Second))
		go func() {
			io.ReadFull(peer, make([]byte, 3))
			time.Sleep(5 * time.Second)
			c.SetWriteDeadline(in(10 * time.Second))
			time.Sleep(7 * time.Second)
			io.ReadFull(peer, make([]byte, 2))
		}()
		start := time.Now()
		n, err := c.Write([]byte("0123456789"))
		if took := time.Since(start); n != 5 || !errors.Is(err, os.ErrDeadlineExceeded) || took != 15*time.Second {
			t.Errorf("%d bytes, %v after %v", n, err, took)
		}
	})
}

// attended is at for a connection that the server's limits hold for. They hold up
// to two ticks longer.
func attended(t *testing.T, f func(t *testing.T, p *patience, c *lazyConn, inner *timed, peer net.Conn)) {
	t.Helper()
	at(t, func(t *testing.T, c *lazyConn, inner *timed, peer net.Conn) {
		p := newPatience(10*time.Second, 75*time.Second, 30*time.Second)
		defer p.begin()()
		c.patience = p
		time.Sleep(tick / 2)
		f(t, p, c, inner, peer)
	})
}

// endsAbout expects a Read or a Write to end with a deadline after so long, and no
// sooner.
func endsAbout(t *testing.T, after time.Duration, use func([]byte) (int, error)) {
	t.Helper()
	start := time.Now()
	_, err := use(make([]byte, 8))
	if took := time.Since(start); !errors.Is(err, os.ErrDeadlineExceeded) || took < after || took > after+2*tick {
		t.Errorf("%v after %v; want a deadline after %v", err, took, after)
	}
}

func TestPatience(t *testing.T) {
	for name, c := range map[string]struct {
		states []fasthttp.ConnState
		want   time.Duration
	}{
		"nothing comes":                  {[]fasthttp.ConnState{fasthttp.StateNew}, 10 * time.Second},
		"the first request drips":        {[]fasthttp.ConnState{fasthttp.StateNew, fasthttp.StateActive}, 10 * time.Second},
		"no second request":              {[]fasthttp.ConnState{fasthttp.StateNew, fasthttp.StateActive, fasthttp.StateIdle}, 75 * time.Second},
		"the second request drips":       {[]fasthttp.ConnState{fasthttp.StateNew, fasthttp.StateActive, fasthttp.StateIdle, fasthttp.StateActive}, 10 * time.Second},
		"none after the second, a while": {[]fasthttp.ConnState{fasthttp.StateNew, fasthttp.StateActive, fasthttp.StateIdle, fasthttp.StateActive, fasthttp.StateIdle}, 75 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			attended(t, func(t *testing.T, p *patience, conn *lazyConn, _ *timed, _ net.Conn) {
				for _, state := range c.states {
					p.attend(conn, state)
				}
				endsAbout(t, c.want, conn.Read)
				endsAbout(t, 30*time.Second, conn.Write)
			})
		})
	}
}

// A first request has its time from the connection on, however late it begins.
func TestPatienceWithALateFirstByte(t *testing.T) {
	attended(t, func(t *testing.T, p *patience, c *lazyConn, _ *timed, peer net.Conn) {
		p.attend(c, fasthttp.StateNew)
		go func() { time.Sleep(9 * time.Second); peer.Write([]byte("P")) }()
		if _, err := c.Read(make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
		p.attend(c, fasthttp.StateActive)
		endsAbout(t, time.Second, c.Read)
	})
}

// Timers are moved by the time that passes, not by requests: one a second for an hour.
func TestPatienceCostsNoTimer(t *testing.T) {
	attended(t, func(t *testing.T, p *patience, c *lazyConn, inner *timed, peer net.Conn) {
		p.attend(c, fasthttp.StateNew)
		go func() {
			b := make([]byte, 8)
			for {
				time.Sleep(time.Second)
				if _, err := peer.Write([]byte("request")); err != nil {
					return
				}
				if _, err := io.ReadAtLeast(peer, b, 6); err != nil {
					return
				}
			}
		}()
		b := make([]byte, 8)
		for range 3600 {
			if _, err := c.Read(b); err != nil {
				t.Fatal(err)
			}
			p.attend(c, fasthttp.StateActive)
			if _, err := c.Write([]byte("answer")); err != nil {
				t.Fatal(err)
			}
			p.attend(c, fasthttp.StateIdle)
		}
		if inner.moves > 1000 { // three of them in ten seconds
			t.Errorf("%d moves of a timer for 3,600 requests", inner.moves)
		}
		peer.Close()
		time.Sleep(2 * time.Second) // its goroutine sees that
	})
}

// Whoever sets a deadline has the connection for himself, as a stream does.
func TestPatienceEndsWithATakeover(t *testing.T) {
	attended(t, func(t *testing.T, p *patience, c *lazyConn, _ *timed, peer net.Conn) {
		p.attend(c, fasthttp.StateNew)
		c.SetDeadline(time.Time{})
		p.attend(c, fasthttp.StateIdle)
		go func() {
			time.Sleep(time.Hour)
			io.ReadFull(peer, make([]byte, 1))
			time.Sleep(time.Hour)
			peer.Write([]byte("late"))
		}()
		if n, err := c.Write([]byte("x")); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if n, err := c.Read(make([]byte, 8)); n != 4 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		c.SetWriteDeadline(in(time.Second))
		timesOut(t, time.Second, c.Write)
	})
}

// The descriptor is to be had where there is one.
func TestLazyConnHasADescriptor(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
			c.Close()
		}
	}()
	c, err := lazyListener{l, newPatience(0, 0, 0)}.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.(*lazyConn).SyscallConn(); err != nil {
		t.Error(err)
	}
	pipe, _ := net.Pipe()
	if _, err := newLazyConn(pipe, newPatience(0, 0, 0)).SyscallConn(); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}
