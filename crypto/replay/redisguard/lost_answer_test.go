//go:build unix

package redisguard

import (
	"bytes"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"mcp-oauth-server/crypto/replay"
	"mcp-oauth-server/crypto/replay/redisguard/redistest"
)

// lossy is a wire to Redis that can lose the answer to one SET: the command
// arrives, and the connection breaks before the answer.
type lossy struct {
	net.Listener
	to   string
	lose atomic.Bool
	wg   sync.WaitGroup
}

func newLossy(t *testing.T, to string) *lossy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &lossy{Listener: l, to: to}
	p.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(p.wg.Wait)
	t.Cleanup(func() { l.Close() }) // it is the end
	return p
}

func (p *lossy) serve(client net.Conn) {
	defer client.Close() // it is the end
	server, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer server.Close() // it is the end
	var muted atomic.Bool
	p.wg.Go(func() {
		buffer := make([]byte, 4096)
		for {
			n, err := server.Read(buffer)
			if err != nil || muted.Load() {
				client.Close() // the answer is lost
				return
			}
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
	})
	buffer := make([]byte, 4096)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		if bytes.Contains(bytes.ToLower(buffer[:n]), []byte("\r\nset\r\n")) && p.lose.CompareAndSwap(true, false) {
			muted.Store(true)
		}
		if _, err := io.Copy(server, bytes.NewReader(buffer[:n])); err != nil {
			return
		}
	}
}

// TestLostAnswer: Redis took the id and the answer was lost. Nobody got a token,
// so the same request must be able to succeed; and only one.
func TestLostAnswer(t *testing.T) {
	s := redistest.Start(t)
	wire := newLossy(t, s.Addr)
	o := s.Options()
	o.Addr = wire.Addr().String()
	a, b := newGuard(t, o, &clock{}), newGuard(t, s.Options(), &clock{})

	wire.lose.Store(true)
	expect(t, "lost", spend(t, a, "id"), replay.ErrUnavailable)
	if held := s.Do("EXISTS", a.prefix+digest("id")); held != "1" {
		t.Fatal("the rig did not let the SET through")
	}
	expect(t, "elsewhere: the safe side", spend(t, b, "id"), replay.ErrSpent)

	var won atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if spend(t, a, "id") == nil {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d retries succeeded", won.Load())
	}
	expect(t, "again", spend(t, a, "id"), replay.ErrSpent)
}

// TestLostBeforeArrival: the connection broke and Redis never saw the SET.
func TestLostBeforeArrival(t *testing.T) {
	s := redistest.Start(t)
	a := newGuard(t, s.Options(), &clock{})
	key := a.prefix + digest("id")
	a.doubts.add(key, "value", a.now().Add(skew))
	expect(t, "retry", spend(t, a, "id"), nil)
	expect(t, "again", spend(t, a, "id"), replay.ErrSpent)
	if _, known := a.doubts.find(key); known {
		t.Error("the doubt was not settled")
	}

	// Or it never arrived, and meanwhile another replica spent the id.
	a.doubts.add(a.prefix+digest("other"), "value", a.now().Add(skew))
	expect(t, "elsewhere", spend(t, newGuard(t, s.Options(), &clock{}), "other"), nil)
	expect(t, "here", spend(t, a, "other"), replay.ErrSpent)
}
