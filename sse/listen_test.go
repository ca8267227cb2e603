package sse_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"mcp-oauth-server/sse"
	"mcp-oauth-server/tools"
)

// listens opens a subscription and reads its acknowledgement.
func (r *replica) listens(t testing.TB, token string, id int) *client {
	t.Helper()
	c, status := r.send(t, "POST", "/sse", token, listen(id), speaksModern("subscriptions/listen", "")...)
	if status != 200 {
		t.Fatalf("status %d", status)
	}
	if m := c.message(t); !strings.Contains(m, "subscriptions/acknowledged") || !strings.Contains(m, `"toolsListChanged":true`) {
		t.Fatalf("first event %s", m)
	}
	return c
}

func listen(id int) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},"_meta":{%s}}}`, id, modernMeta)
}

// changed is what a subscription hears of a change of the tools.
func changed(t testing.TB, c *client, id string) {
	t.Helper()
	if m := c.message(t); !strings.Contains(m, "notifications/tools/list_changed") || id != "" && !strings.Contains(m, `"io.modelcontextprotocol/subscriptionId":`+id) {
		t.Errorf("event %s", m)
	}
}

// last is the last message before the stream ends.
func last(t testing.TB, c *client) (message string) {
	t.Helper()
	for {
		e, err := c.next()
		if err != nil {
			return message
		}
		if e.data != "" {
			message = e.data
		}
	}
}

func TestSubscriptionsHearOfChanges(t *testing.T) {
	r, other, _ := pair(t)
	token := r.token(t, "alice")
	near, far := r.listens(t, token, 5), other.listens(t, r.token(t, "bob"), 6)
	if near.head.Get("Content-Type") != "text/event-stream" || near.head.Get("X-Accel-Buffering") != "no" {
		t.Errorf("%v", near.head)
	}
	promised, silent := other.open(t, "/sse", token), other.open(t, "/sse", token)
	other.post(t, promised.endpoint, token, initialize)
	if m := promised.message(t); !strings.Contains(m, `"listChanged":true`) {
		t.Errorf("a legacy stream was not promised to hear of changes: %s", m)
	}
	if a := r.post(t, "/sse", token, initialize); strings.Contains(a.body, `"listChanged":true`) {
		t.Errorf("a client without a stream is promised to hear of changes: %s", a.body)
	}
	r.post(t, "/sse", token, call(1, "announce", `{}`))
	changed(t, near, "5")
	changed(t, far, "6")
	changed(t, promised, "")
	// The stream that nobody initialized has heard nothing: its next message is
	// the answer to its own.
	other.post(t, silent.endpoint, token, call(2, "whoami", `{"marker":"x"}`))
	if m := silent.message(t); !strings.Contains(m, "alice/x") {
		t.Errorf("%s", m)
	}
}

// Many changes at once are told once: nobody can flood all streams.
func TestChangesAreToldOnce(t *testing.T) {
	r := newReplica(t, newSite(t))
	c := r.listens(t, r.token(t, "alice"), 1)
	for range 10_000 {
		r.Announce(tools.Change{Kind: tools.ToolsChanged})
	}
	r.Announce(tools.Change{Kind: tools.PromptsChanged}) // nobody asked for it
	changed(t, c, "1")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r.Drain(ctx)
	told := 1
	for {
		e, err := c.next()
		if err != nil {
			break
		}
		told += strings.Count(e.data, "list_changed")
	}
	if told > 5000 {
		t.Errorf("told %d times", told)
	}
}

func TestSubscriptionEndsWithItsResult(t *testing.T) {
	t.Run("token", func(t *testing.T) {
		r := newReplica(t, newSite(t))
		c := r.listens(t, r.token(t, "alice", r.livesFor(time.Minute)), 7)
		r.clock.advance(time.Minute + time.Second)
		if m := last(t, c); !strings.Contains(m, `"id":7`) || !strings.Contains(m, `"result"`) {
			t.Errorf("ended with %s", m)
		}
	})
	t.Run("drain", func(t *testing.T) {
		r := newReplica(t, newSite(t))
		c := r.listens(t, r.token(t, "alice"), 8)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		r.Drain(ctx)
		if m := last(t, c); !strings.Contains(m, `"id":8`) || !strings.Contains(m, `"result"`) {
			t.Errorf("ended with %s", m)
		}
		if a := r.post(t, "/sse", r.token(t, "alice"), listen(9), speaksModern("subscriptions/listen", "")...); a.status != 503 || a.header.Get("Retry-After") == "" {
			t.Errorf("during the drain: %d", a.status)
		}
	})
	t.Run("client", func(t *testing.T) {
		r := newReplica(t, newSite(t))
		c := r.listens(t, r.token(t, "alice"), 9)
		c.conn.Close()
		r.clock.advance(20 * time.Second) // the next heartbeat
		eventually(t, "its place is free", func() bool { return r.OpenStreams() == 0 })
	})
}

func TestSubscriptionsAreCapped(t *testing.T) {
	r := newReplica(t, newSite(t), func(e *sse.Endpoint) { e.MaxStreams, e.MaxStreamsPerUser = 3, 2 })
	header := speaksModern("subscriptions/listen", "")
	alice, bob := r.token(t, "alice"), r.token(t, "bob")
	r.listens(t, alice, 1)
	r.open(t, "/sse", alice) // both kinds count
	if a := r.post(t, "/sse", alice, listen(2), header...); a.status != 429 {
		t.Errorf("over the user's cap: %d", a.status)
	}
	r.listens(t, bob, 1)
	if a := r.post(t, "/sse", bob, listen(2), header...); a.status != 503 {
		t.Errorf("over the replica's cap: %d", a.status)
	}
}
