package sse_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"mcp-oauth-server/sse"
)

// A call that reports progress is answered with an event stream, in order, and
// the stream ends with the answer.
func TestProgressComesBeforeTheAnswer(t *testing.T) {
	r := newReplica(t, newSite(t))
	token := r.token(t, "alice")
	for _, e := range eras {
		t.Run(e.name, func(t *testing.T) {
			c := e.start(t, r, token, "steps", `{"count":3}`)
			if status := c.readHead(t); status != 200 {
				t.Fatalf("status %d", status)
			}
			for name, want := range map[string]string{
				"Content-Type": "text/event-stream", "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no", "Mcp-Session-Id": "",
			} {
				if got := c.head.Get(name); got != want {
					t.Errorf("%s: %q", name, got)
				}
			}
			for i := range 3 {
				if m := c.message(t); !strings.Contains(m, fmt.Sprintf(`"progress":%d`, i+1)) {
					t.Fatalf("event %d is %s", i, m)
				}
			}
			if m := c.message(t); !strings.Contains(m, `"id":1`) || !strings.Contains(m, "done by alice") {
				t.Fatalf("answer %s", m)
			}
			c.ended(t)
			eventually(t, "the stream's place is free", func() bool { return r.OpenStreams() == 0 })
		})
	}
}

// The HTTP server leaves the deadline of its last answer on a connection that is
// kept. Clients and proxies use theirs again after minutes.
func TestProgressOnAConnectionThatRested(t *testing.T) {
	t.Parallel()
	r := newReplica(t, newSite(t))
	token := r.token(t, "alice")
	c := r.begin(t, "GET", "/nowhere", token, "")
	if status := c.readHead(t); status != 404 {
		t.Fatalf("status %d", status)
	}
	time.Sleep(serverTimeout + 100*time.Millisecond) // the network's clock cannot be moved
	c.request(t, "POST", "/sse", token, talk(1, "steps", `{"count":1}`), speaks...)
	if status := c.readHead(t); status != 200 {
		t.Fatalf("status %d", status)
	}
	for _, want := range []string{`"progress":1`, "done by alice"} {
		if m := c.message(t); !strings.Contains(m, want) {
			t.Fatalf("%s, want %s", m, want)
		}
	}
}

// Whoever does not say that it reads event streams gets none, and whoever has
// nothing to hear either.
func TestSilentCallsAreAnsweredWithJSON(t *testing.T) {
	r := newReplica(t, newSite(t))
	token := r.token(t, "alice")
	for name, a := range map[string]answer{
		"no Accept":     r.post(t, "/sse", token, talk(1, "steps", `{"count":3}`)),
		"anything":      r.post(t, "/sse", token, talk(1, "steps", `{"count":3}`), "Accept", "*/*"),
		"JSON":          r.post(t, "/sse", token, talk(1, "steps", `{"count":3}`), "Accept", "application/json"),
		"no token":      r.post(t, "/sse", token, call(1, "steps", `{"count":3}`), speaks...),
		"nothing said":  r.post(t, "/sse", token, talk(1, "steps", `{"count":0}`), speaks...),
		"modern plain":  r.post(t, "/sse", token, modernTalk(1, "whoami", `{"marker":"x"}`), speaksModern("tools/call", "whoami")...),
		"modern silent": r.post(t, "/sse", token, modernTalk(1, "steps", `{"count":0}`), speaksModern("tools/call", "steps")...),
	} {
		if a.status != 200 || a.header.Get("Content-Type") != "application/json" || !strings.Contains(a.body, `"result"`) {
			t.Errorf("%s: %d %v %s", name, a.status, a.header, a.body)
		}
	}
	if a := r.post(t, "/sse", token, talk(1, "steps", `{"count":1}`), "Accept", "Text/Event-Stream"); a.header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("media types have no case: %v", a.header)
	}
}

// What a tool says cannot end its event and begin another.
func TestToolsCannotForgeEvents(t *testing.T) {
	r := newReplica(t, newSite(t))
	c := eras[0].start(t, r, r.token(t, "alice"), "steps", `{"count":1,"say":"\r\n\r\nevent: evil\ndata: x\n\n\u2028\u0000"}`)
	c.readHead(t)
	if m := c.message(t); !strings.Contains(m, "event: evil") {
		t.Errorf("progress %q", m)
	}
	if m := c.message(t); !strings.Contains(m, "done by alice") {
		t.Errorf("answer %q", m)
	}
	c.ended(t)
}

// In 2026-07-28 a client that leaves cancels its call, whether it has heard of
// it yet or not. Before, it means nothing.
func TestLeavingCancels(t *testing.T) {
	for _, tool := range []string{"wait", "stepwait"} {
		t.Run(tool, func(t *testing.T) {
			r := newReplica(t, newSite(t))
			token := r.token(t, "alice")
			modern := eras[1].start(t, r, token, tool, `{}`)
			<-r.started
			older := eras[0].start(t, r, token, tool, `{}`)
			<-r.started
			if tool == "stepwait" {
				modern.readHead(t)
				modern.message(t)
				older.readHead(t)
				older.message(t)
			}
			began := time.Now()
			modern.conn.Close()
			older.conn.Close()
			<-r.cancelled
			if d := time.Since(began); d > time.Second {
				t.Errorf("cancelled after %v", d)
			}
			eventually(t, "no stream is left", func() bool { return r.OpenStreams() == 0 })
			select {
			case <-r.cancelled:
				t.Error("the older client's call was cancelled too")
			case <-time.After(2 * time.Second): // eight times as long as it took above
			}
			close(r.release)
		})
	}
}

// A request that the client has sent ahead is not eaten by the look at its
// connection, and is answered after the slow one.
func TestPeerCheckReadsNothing(t *testing.T) {
	r := newReplica(t, newSite(t))
	token := r.token(t, "alice")
	c := eras[1].start(t, r, token, "wait", `{}`)
	<-r.started
	next := modernTalk(2, "whoami", `{"marker":"next"}`)
	fmt.Fprintf(c.conn, "POST /sse HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", token, len(next))
	for i, h := 0, speaksModern("tools/call", "whoami"); i < len(h); i += 2 {
		fmt.Fprintf(c.conn, "%s: %s\r\n", h[i], h[i+1])
	}
	fmt.Fprintf(c.conn, "\r\n%s", next)
	time.Sleep(time.Second) // several checks
	close(r.release)
	if first, second := c.response(t), c.response(t); !strings.Contains(first, `"id":1`) || !strings.Contains(second, "alice/next") {
		t.Errorf("%s\n%s", first, second)
	}
}

// A cancelled request has no answer.
func TestCancelByNotification(t *testing.T) {
	r := newReplica(t, newSite(t))
	alice, bob := r.token(t, "alice"), r.token(t, "bob")
	session, another := r.openSession(t, alice), r.openSession(t, alice)
	in := func(session string) []string { return append(speaks[:4:4], "Mcp-Session-Id", session) }
	c := r.begin(t, "POST", "/sse", alice, talk(7, "stepwait", `{}`), in(session)...)
	<-r.started
	c.readHead(t)
	c.message(t)
	const cancel = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}`
	for name, a := range map[string]answer{
		"another user":    r.post(t, "/sse", bob, cancel, speaks...),
		"another session": r.post(t, "/sse", alice, cancel, in(another)...),
		"no session":      r.post(t, "/sse", alice, cancel, speaks...),
		"another id":      r.post(t, "/sse", alice, strings.Replace(cancel, "7", `"7"`, 1), in(session)...),
	} {
		if a.status != 202 {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	select {
	case <-r.cancelled:
		t.Fatal("a foreign cancellation was obeyed")
	case <-time.After(100 * time.Millisecond):
	}
	if a := r.post(t, "/sse", alice, cancel, in(session)...); a.status != 202 {
		t.Errorf("%d", a.status)
	}
	<-r.cancelled
	for e, err := c.next(); err == nil; e, err = c.next() {
		if strings.Contains(e.data, `"id":7`) {
			t.Errorf("a cancelled request was answered: %s", e.data)
		}
	}
}

// Beyond the cap a call still has its answer, and nothing else to say.
func TestStreamsOfCallsAreCapped(t *testing.T) {
	r := newReplica(t, newSite(t), func(e *sse.Endpoint) { e.MaxStreamsPerUser = 1 })
	token := r.token(t, "alice")
	c := eras[0].start(t, r, token, "stepwait", `{}`)
	<-r.started
	c.readHead(t)
	if a := r.post(t, "/sse", token, talk(2, "steps", `{"count":3}`), speaks...); a.status != 200 || a.header.Get("Content-Type") != "application/json" || !strings.Contains(a.body, "done by alice") {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	if a := r.post(t, "/sse", r.token(t, "bob"), talk(2, "steps", `{"count":1}`), speaks...); a.header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("another user: %v", a.header)
	}
	close(r.release)
	c.ended(t)
}

// A client that does not read while its tool talks misses what finds no room,
// and has its answer nonetheless.
func TestSlowReaderOfACall(t *testing.T) {
	r := prepare(t, newSite(t))
	r.serve(t, net.ListenConfig{Control: narrow})
	const said = 200
	c := eras[1].start(t, r, r.token(t, "alice"), "chatter", fmt.Sprintf(`{"messages":%d}`, said))
	eventually(t, "the tool has said it all", func() bool { return strings.Contains(r.logs.String(), "tool called") })
	c.readHead(t)
	heard, m := 0, c.message(t)
	for ; strings.Contains(m, "notifications/message"); m = c.message(t) {
		if heard++; len(m) < 60_000 {
			t.Fatalf("%d bytes: %.200s", len(m), m)
		}
	}
	if !strings.Contains(m, "silent") {
		t.Errorf("%.200s", m)
	}
	c.ended(t)
	want := fmt.Sprintf("reason=done dropped=%d", said-heard)
	eventually(t, "the log says "+want, func() bool { return heard < said && strings.Contains(r.logs.String(), want) })
}

// An answer behind more than a socket takes comes whole, also after the HTTP
// server has lifted the deadline of the bytes before it.
func TestLongAnswerOfACall(t *testing.T) {
	r := newReplica(t, newSite(t))
	c := eras[0].start(t, r, r.token(t, "alice"), "chatter", `{"messages":40}`)
	<-r.started
	c.readHead(t)
	m := c.message(t)
	for ; strings.Contains(m, "notifications/message"); m = c.message(t) { // some may find no room
		if len(m) < 60_000 {
			t.Fatalf("%d bytes: %.200s", len(m), m)
		}
	}
	if !strings.Contains(m, "silent") {
		t.Errorf("%.200s", m)
	}
	c.ended(t)
}

// The drain waits for the answer of a call, and cuts it when its time is up.
func TestDrainWaitsForStreamedAnswers(t *testing.T) {
	for _, patient := range []bool{true, false} {
		r := newReplica(t, newSite(t))
		c := eras[1].start(t, r, r.token(t, "alice"), "stepwait", `{}`)
		<-r.started
		c.readHead(t)
		c.message(t)
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		if patient {
			close(r.release)
		}
		r.Drain(ctx)
		cancel()
		last := ""
		for e, err := c.next(); err == nil; e, err = c.next() {
			last = e.data + e.comment
		}
		switch {
		case patient && !strings.Contains(last, `"waited"`):
			t.Errorf("ended with %q", last)
		case !patient:
			<-r.cancelled
			if !strings.Contains(last, "shutting down") {
				t.Errorf("ended with %q", last)
			}
		}
	}
}

// What many users are told at once is told to each of them alone.
func TestStreamedAnswersNeverCross(t *testing.T) {
	r := newReplica(t, newSite(t))
	var all sync.WaitGroup
	for u := range 20 {
		all.Go(func() {
			user := fmt.Sprintf("user-%d", u)
			token := r.token(t, user)
			for i := range 20 {
				e := eras[i%2]
				a := r.post(t, "/sse", token, e.talk(1, "steps", `{"count":3}`), e.header("steps")...)
				if strings.Count(a.body, "step of "+user+`"`) != 3 || strings.Count(a.body, "done by "+user+`"`) < 1 || strings.Count(a.body, "user-") != 5 {
					t.Errorf("%s got %s", user, a.body)
				}
			}
		})
	}
	all.Wait()
}
