//go:build !portable

package sse_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// leave is how a client goes: in good order, with a reset, by closing its side
// alone, or with bytes sent ahead that nobody reads.
func (c *client) leave(t testing.TB, way int) {
	t.Helper()
	tcp, err := c.conn.(*net.TCPConn), error(nil)
	switch way % 4 {
	case 1:
		err = tcp.SetLinger(0)
	case 2:
		if err := tcp.CloseWrite(); err != nil {
			t.Error(err)
		}
		return
	case 3:
		_, err = tcp.Write(make([]byte, 16<<10))
	}
	if err != nil {
		t.Error(err)
	}
	tcp.Close()
}

// Clients that leave are noticed at once, whatever their streams are, and the
// others stay. The endpoint's clock stands still: no heartbeat helps.
func TestClosedPeersAreNoticed(t *testing.T) {
	const n = 1000
	r := newReplica(t, newSite(t))
	token := r.token(t, "alice")
	var open []*client
	for i := range n {
		switch {
		case i < 8:
			open = append(open, r.listens(t, token, i))
		case i < 16:
			c := eras[0].start(t, r, token, "stepwait", `{}`)
			c.readHead(t)
			c.message(t)
			open = append(open, c)
		default:
			open = append(open, r.open(t, "/sse", token))
		}
	}
	if got := r.OpenStreams(); got != n {
		t.Fatalf("%d open", got)
	}
	for i, c := range open {
		if i%2 == 0 {
			c.leave(t, i/2)
		}
	}
	began := time.Now()
	eventually(t, "half of the streams are closed", func() bool { return r.OpenStreams() <= n/2 })
	if d := time.Since(began); d > time.Second {
		t.Errorf("after %v", d)
	}
	if got := r.OpenStreams(); got != n/2 {
		t.Errorf("%d are left", got)
	}
	close(r.release)
	for i, c := range open {
		switch {
		case i%2 == 0:
		case 8 <= i && i < 16:
			if last := last(t, c); !strings.Contains(last, "waited") {
				t.Errorf("call %d ended with %q", i, last)
			}
		case i%99 == 0:
			r.post(t, c.endpoint, token, call(i, "whoami", `{"marker":"still"}`))
			if m := c.message(t); !strings.Contains(m, "alice/still") {
				t.Errorf("stream %d: %s", i, m)
			}
		}
	}
}

// epolls counts this process's epoll descriptors.
func epolls(t testing.TB) (n int) {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if to, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%s", f.Name())); err == nil && strings.Contains(to, "eventpoll") {
			n++
		}
	}
	return n
}

// The drain gives back what the watcher has of the system.
func TestDrainEndsTheWatcher(t *testing.T) {
	r := newReplica(t, newSite(t))
	before := epolls(t)
	c := r.open(t, "/sse", r.token(t, "alice"))
	if got := epolls(t); got != before+1 {
		t.Fatalf("%d epoll descriptors with a stream, %d without", got, before)
	}
	r.Drain(t.Context())
	c.ended(t)
	if got := epolls(t); got != before {
		t.Errorf("%d epoll descriptors after the drain, %d before", got, before)
	}
}
