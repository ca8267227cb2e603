package sse_test

import (
	"context"
	"strings"
	"testing"
	"time"
)

func TestDrainEndsStreams(t *testing.T) {
	r := newReplica(t, newSite(t))
	token := r.token(t, "alice")
	var open []*client
	for range 20 {
		open = append(open, r.open(t, "/sse", token))
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r.Drain(ctx)
	if ctx.Err() != nil || r.OpenStreams() != 0 {
		t.Fatalf("%v, %d open", ctx.Err(), r.OpenStreams())
	}
	for _, c := range open {
		if last := c.ended(t); !strings.Contains(last, "shutting down") {
			t.Errorf("last comment %q", last)
		}
	}
	c, status := r.get(t, "/sse", token)
	if status != 503 || c.head.Get("Retry-After") == "" {
		t.Errorf("new stream: %d", status)
	}
	if a := r.post(t, "/sse", token, initialize); a.status != 200 {
		t.Errorf("POST during the drain: %d", a.status)
	}
	r.Drain(ctx) // a second time does nothing
}

func TestDrainWaitsForAnswers(t *testing.T) {
	r := newReplica(t, newSite(t))
	token := r.token(t, "alice")
	c := r.open(t, "/sse", token)
	r.post(t, c.endpoint, token, call(1, "wait", `{}`))
	<-r.started
	drained := make(chan struct{})
	go func() {
		r.Drain(context.Background())
		close(drained)
	}()
	eventually(t, "the drain has begun", func() bool {
		_, status := r.get(t, "/sse", token)
		return status == 503
	})
	close(r.release)
	if m := c.message(t); !strings.Contains(m, `"id":1`) {
		t.Errorf("got %s", m)
	}
	c.ended(t)
	<-drained
}

func TestDrainStopsWaitingWithItsContext(t *testing.T) {
	r := newReplica(t, newSite(t))
	token := r.token(t, "alice")
	c := r.open(t, "/sse", token)
	r.post(t, c.endpoint, token, call(1, "wait", `{}`))
	<-r.started
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	r.Drain(ctx)
	if d := time.Since(began); d > time.Second {
		t.Errorf("drained for %v", d)
	}
	c.ended(t)
	<-r.cancelled
}
