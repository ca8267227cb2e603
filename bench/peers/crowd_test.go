package main

import (
	"net"
	"runtime"
	"testing"
	"time"
)

// The crowd speaks to every kind of stream server: it finds the endpoint,
// initializes where there is a session, and its leaving ends the streams.
func TestCrowd(t *testing.T) {
	for name, session := range map[string]bool{"nethttp": false, "go-sdk-streams": true, "mcp-go-streams": true} {
		t.Run(name, func(t *testing.T) {
			s, p := running(t, name)
			addr := s.Listener.Addr().(*net.TCPAddr).AddrPort()
			c := &crowd{target: &target{process: &process{addr: addr}, path: "/sse", prepare: p.prepare}}
			before := runtime.NumGoroutine()
			if err := c.enter(5, session); err != nil {
				t.Fatal(err)
			}
			if held := runtime.NumGoroutine() - before; held < 5 {
				t.Errorf("%d goroutines for 5 streams: are they open?", held)
			}
			c.leave(9)
			if len(c.conns) != 0 {
				t.Errorf("%d connections are left", len(c.conns))
			}
			for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before+2; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%d goroutines, %d before the streams", runtime.NumGoroutine(), before)
				}
			}
		})
	}
}

func TestCrowdNeedsAStream(t *testing.T) {
	s, p := running(t, "go-sdk-streams")
	addr := s.Listener.Addr().(*net.TCPAddr).AddrPort()
	tokens, err := p.prepare(1)
	if err != nil {
		t.Fatal(err)
	}
	c := &crowd{target: &target{process: &process{addr: addr}, path: "/sse"}, tokens: []string{tokens[0] + "x"}}
	if err := c.enter(1, true); err == nil {
		t.Error("a stream was opened with another token")
	}
}
