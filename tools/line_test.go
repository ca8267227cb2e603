package tools_test

import (
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"mcp-oauth-server/tools"
)

// counter is a client that counts what reaches it.
type counter struct {
	tools.Client
	inside   chan struct{} // holds whoever reports progress, until it is closed
	reached  atomic.Int64
	returned atomic.Int64
}

func (c *counter) Progress(float64, float64, string) {
	c.reached.Add(1)
	if c.inside != nil {
		<-c.inside
	}
}

func (c *counter) Can(tools.Abilities) bool { return false }

func (c *counter) Return() { c.returned.Add(1) }

// TestClientIsReturned: a call gives its client back only when no handler can
// reach it, and a Context that was kept leads to nobody.
func TestClientIsReturned(t *testing.T) {
	for _, c := range []struct {
		name     string
		handle   func(*tools.Context) error
		held     bool // what a goroutine says is on its way while the call ends
		returned int64
	}{
		{"in order", func(c *tools.Context) error { c.Progress(1, 1, ""); return nil }, false, 1},
		{"with an error to show", func(*tools.Context) error { return errors.New("no") }, false, 1},
		{"panicked", func(*tools.Context) error { panic("boom") }, false, 0},
		{"broken", func(*tools.Context) error { return tools.ErrInternal }, false, 0},
		{"overdue", func(c *tools.Context) error { <-c.Done(); return nil }, false, 0},
		{"still talking", func(c *tools.Context) error { go c.Progress(1, 2, ""); synctest.Wait(); return nil }, true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var kept *tools.Context
				client := &counter{}
				if c.held {
					client.inside = make(chan struct{})
				}
				r := registry(t, toolFunc("x", func(tc *tools.Context) error { kept = tc; return c.handle(tc) }))
				_, _ = r.Call(t.Context(), tools.Call{Name: "x", Client: client, Log: slog.New(slog.DiscardHandler)})
				if n := client.returned.Load(); n != c.returned {
					t.Errorf("returned %d times", n)
				}
				if c.held {
					close(client.inside)
				}
				synctest.Wait()
				before := client.reached.Load()
				kept.Progress(2, 2, "")
				if err := kept.Ask(&tools.Roots{}); c.returned == 1 && (client.reached.Load() != before || !errors.Is(err, tools.ErrNoConversation)) {
					t.Errorf("a kept context still reaches the client: %v", err)
				}
			})
		})
	}
}
