package sse_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/crypto/replay/redisguard/redistest"
	"mcp-oauth-server/sse"
	"mcp-oauth-server/sse/relay"
)

// withRedis lets a replica share a Redis with others of its site.
func withRedis(t testing.TB, server *redistest.Server, s *site) func(*sse.Endpoint) {
	t.Helper()
	keys := s.vault.Ring.SharedKeys("relay")
	return func(e *sse.Endpoint) {
		r := relay.NewRedis(relay.Config{
			Redis: server.Options(), Keys: func() [][]byte { return keys }, Issuer: base, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		})
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			if err := r.Close(ctx); err != nil {
				t.Error(err)
			}
		})
		e.Relay = r
		eventually(t, "the relay is up", r.Up)
	}
}

// pair are two replicas of one site with a Redis between them.
func pair(t testing.TB) (first, second *replica, between *redistest.Server) {
	t.Helper()
	between = redistest.Start(t)
	s := newSite(t)
	return newReplica(t, s, withRedis(t, between, s)), newReplica(t, s, withRedis(t, between, s)), between
}

// asked calls the tool that asks and returns the stream and the question's id.
func (r *replica) asked(t testing.TB, token, session string) (*client, string) {
	t.Helper()
	c, status := r.send(t, "POST", "/sse", token, call(1, "ask", `{}`), append(speaks[:4:4], "Mcp-Session-Id", session)...)
	if status != 200 {
		t.Fatalf("status %d", status)
	}
	return c, questionID(t, c.message(t))
}

// A question goes out on the stream of the call, and only its user and client
// can answer it.
func TestQuestionIsAnswered(t *testing.T) {
	r := newReplica(t, newSite(t))
	token := r.token(t, "alice")
	c, id := r.asked(t, token, r.openSession(t, token))
	bob := r.token(t, "bob", func(a *artifact.AccessToken) { a.Client = "client-of-alice" })
	otherClient := r.token(t, "alice", func(a *artifact.AccessToken) { a.Client = "another-client" })
	for name, a := range map[string]answer{
		"another user":     r.post(t, "/sse", bob, reply(id, "Mallory"), speaks...),
		"another client":   r.post(t, "/sse", otherClient, reply(id, "Mallory"), speaks...),
		"another question": r.post(t, "/sse", token, reply(id[:42]+"x", "Mallory"), speaks...),
		"no id of ours":    r.post(t, "/sse", token, reply("1", "Mallory"), speaks...),
		"a number":         r.post(t, "/sse", token, `{"jsonrpc":"2.0","id":1,"result":{}}`, speaks...),
	} {
		if a.status != 400 || !strings.Contains(a.body, `"jsonrpc"`) || !strings.Contains(a.body, "nobody waits") {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := r.post(t, "/sse", token, reply(id, "Alice"), speaks...); a.status != 202 || a.body != "" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if m := c.message(t); !strings.Contains(m, "accept") || !strings.Contains(m, "Alice") || strings.Contains(m, "Mallory") {
		t.Errorf("answer %s", m)
	}
	c.ended(t)
	if a := r.post(t, "/sse", token, reply(id, "again"), speaks...); a.status != 400 {
		t.Errorf("an answer that comes again: %d", a.status)
	}
}

// A legacy stream is asked on itself.
func TestQuestionOnALegacyStream(t *testing.T) {
	r := newReplica(t, newSite(t))
	token := r.token(t, "alice")
	c := r.open(t, "/sse", token)
	r.post(t, c.endpoint, token, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{"elicitation":{}},"clientInfo":{"name":"t","version":"7"}}}`)
	c.message(t)
	r.post(t, c.endpoint, token, talk(2, "steps", `{"count":2}`))
	for _, want := range []string{`"progress":1`, `"progress":2`, `"id":2`} {
		if m := c.message(t); !strings.Contains(m, want) {
			t.Fatalf("want %s: %s", want, m)
		}
	}
	r.post(t, c.endpoint, token, call(3, "ask", `{}`))
	id := questionID(t, c.message(t))
	if a := r.post(t, c.endpoint, r.token(t, "bob"), reply(id, "Mallory")); a.status != 404 {
		t.Errorf("another user: %d", a.status)
	}
	r.post(t, c.endpoint, token, reply(id, "Alice"))
	if m := c.message(t); !strings.Contains(m, `"id":3`) || !strings.Contains(m, "Alice") {
		t.Errorf("answer %s", m)
	}
	r.post(t, c.endpoint, token, call(4, "wait", `{}`))
	<-r.started
	r.post(t, c.endpoint, token, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":4}}`)
	<-r.cancelled
}

// Replicas that share nothing say so at once.
func TestAnswerAtAReplicaThatSharesNothing(t *testing.T) {
	s := newSite(t)
	r, other := newReplica(t, s), newReplica(t, s)
	token := r.token(t, "alice")
	c, id := r.asked(t, token, r.openSession(t, token))
	began := time.Now()
	if a := other.post(t, "/sse", token, reply(id, "Alice"), speaks...); a.status != 400 || !strings.Contains(a.body, "nobody waits") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if d := time.Since(began); d > time.Second {
		t.Errorf("after %v", d)
	}
	r.post(t, "/sse", token, reply(id, "Alice"), speaks...)
	c.message(t)
}

// With Redis an answer, a cancellation and a legacy message arrive wherever they
// are sent, from their owner only.
func TestReplicasShareARelay(t *testing.T) {
	r, other, _ := pair(t)
	token := r.token(t, "alice")
	session := r.openSession(t, token)
	bob := r.token(t, "bob", func(a *artifact.AccessToken) { a.Client = "client-of-alice" })

	c, id := r.asked(t, token, session)
	if a := other.post(t, "/sse", bob, reply(id, "Mallory"), speaks...); a.status != 400 {
		t.Errorf("another user: %d %s", a.status, a.body)
	}
	if a := other.post(t, "/sse", token, reply(id, "Alice"), speaks...); a.status != 202 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if m := c.message(t); !strings.Contains(m, "Alice") {
		t.Errorf("answer %s", m)
	}

	r.begin(t, "POST", "/sse", token, call(5, "wait", `{}`), append(speaks[:4:4], "Mcp-Session-Id", session)...)
	<-r.started
	cancel := `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}}`
	other.post(t, "/sse", token, cancel, append(speaks[:4:4], "Mcp-Session-Id", session)...)
	<-r.cancelled

	legacy := r.open(t, "/sse", token)
	for i, m := range []string{initialize, `{"jsonrpc":"2.0","id":2,"method":"tools/list"}`, call(3, "whoami", `{"marker":"far"}`)} {
		if a := other.post(t, legacy.endpoint, token, m); a.status != 202 {
			t.Fatalf("message %d: %d %s", i, a.status, a.body)
		}
		want := []string{`"protocolVersion"`, `"outputSchema"`, "alice/far"}[i]
		if m := legacy.message(t); !strings.Contains(m, want) {
			t.Errorf("message %d: %s", i, m)
		}
	}
	if a := other.post(t, legacy.endpoint, bob, call(4, "whoami", `{"marker":"x"}`)); a.status != 404 {
		t.Errorf("another user's message: %d", a.status)
	}
	legacy.conn.Close()
	eventually(t, "a message to a stream that is gone is refused", func() bool {
		return other.post(t, legacy.endpoint, token, call(5, "whoami", `{"marker":"x"}`)).status == 404
	})
}

// A client cannot speak to a stream in the voice of a replica, by an answer
// whose id is that of the stream.
func TestAnswersAreNoMessages(t *testing.T) {
	r := newReplica(t, newSite(t))
	token := r.token(t, "alice")
	c := r.open(t, "/sse", token)
	_, handle, _ := strings.Cut(c.endpoint, "stream=")
	h, err := r.OpenStream.Open(handle)
	if err != nil {
		t.Fatal(err)
	}
	forged := `{"jsonrpc":"2.0","id":"` + h.ID + `","result":{},"Caller":{"Subject":"bob","ClientID":"client-of-bob"}}` + "\n"
	if a := r.post(t, "/sse", token, forged, speaks...); a.status != 400 {
		t.Errorf("%d %s", a.status, a.body)
	}
	r.post(t, c.endpoint, token, call(1, "whoami", `{"marker":"still"}`))
	if m := c.message(t); !strings.Contains(m, "alice/still") {
		t.Errorf("%s", m)
	}
}

// Without its Redis a replica goes on alone, and says what it cannot do.
func TestRelayIsDown(t *testing.T) {
	r, other, between := pair(t)
	token := r.token(t, "alice")
	session := r.openSession(t, token)
	c, id := r.asked(t, token, session)
	legacy := r.open(t, "/sse", token)
	between.Kill()
	eventually(t, "the relays have noticed", func() bool { return !r.Relay.Up() && !other.Relay.Up() })
	for name, a := range map[string]answer{
		"answer":  other.post(t, "/sse", token, reply(id, "Alice"), speaks...),
		"message": other.post(t, legacy.endpoint, token, initialize),
	} {
		if a.status != 503 || a.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := other.post(t, "/sse", token, talk(1, "steps", `{"count":1}`), speaks...); a.status != 200 {
		t.Errorf("a plain call: %d", a.status)
	}
	if a := r.post(t, "/sse", token, reply(id, "Alice"), speaks...); a.status != 202 {
		t.Errorf("an answer at the right replica: %d", a.status)
	}
	c.message(t)
	r.post(t, legacy.endpoint, token, call(2, "announce", `{}`))
	if m := legacy.message(t); !strings.Contains(m, "announced") {
		t.Errorf("%s", m)
	}
}

// Nobody can take the places of all with questions that are never answered.
func TestQuestionsAreBounded(t *testing.T) {
	r := newReplica(t, newSite(t))
	token := r.token(t, "alice")
	session := r.openSession(t, token)
	for range 64 {
		c, _ := r.asked(t, token, session)
		c.conn.Close() // and leaves the call behind
	}
	a := r.post(t, "/sse", token, call(1, "ask", `{}`), append(speaks[:4:4], "Mcp-Session-Id", session)...)
	if a.status != 200 || !strings.Contains(a.body, "too many calls") {
		t.Errorf("%d %s", a.status, a.body)
	}
	bob := r.token(t, "bob")
	r.asked(t, bob, r.openSession(t, bob))
}

// In 2026-07-28 what a call has learned travels with the client: any replica goes
// on with it, for the same user and the same call only, and not for ever.
func TestRequestStateGoesToAnyReplica(t *testing.T) {
	s := newSite(t)
	r, other := newReplica(t, s), newReplica(t, s)
	token := s.token(t, "alice")
	post := func(r *replica, token, more string) answer {
		message := strings.Replace(modernTalk(1, "ask", `{}`), `"_meta"`, more+`"_meta"`, 1)
		return r.post(t, "/sse", token, message, speaksModern("tools/call", "ask")...)
	}
	first := post(r, token, "")
	_, rest, _ := strings.Cut(first.body, `"requestState":"`)
	state, _, found := strings.Cut(rest, `"`)
	if first.status != 200 || !found || !strings.Contains(first.body, `"input_required"`) {
		t.Fatalf("%d %s", first.status, first.body)
	}
	_, rest, _ = strings.Cut(first.body, `"inputRequests":{"`)
	key, _, _ := strings.Cut(rest, `"`)
	answers := `"requestState":"` + state + `","inputResponses":{"` + key + `":{"action":"accept","content":{"name":"Alice"}}},`
	if a := post(other, token, answers); a.status != 200 || !strings.Contains(a.body, "accept") || !strings.Contains(a.body, "Alice") {
		t.Errorf("at the other replica: %d %s", a.status, a.body)
	}
	bob := s.token(t, "bob", func(a *artifact.AccessToken) { a.Client = "client-of-alice" })
	for name, a := range map[string]answer{
		"another user":   post(other, bob, answers),
		"another client": post(other, s.token(t, "alice", func(a *artifact.AccessToken) { a.Client = "another" }), answers),
		"forged":         post(other, token, strings.Replace(answers, state[:20], state[:19]+"!", 1)),
		"a session id":   post(other, token, strings.Replace(answers, state, r.openSession(t, token), 1)),
	} {
		if a.status != 400 || !strings.Contains(a.body, "-32602") {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	s.clock.advance(artifact.RequestStateLife)
	if a := post(other, s.token(t, "alice"), answers); a.status != 400 || !strings.Contains(a.body, "-32602") {
		t.Errorf("expired: %d %s", a.status, a.body)
	}
}

// panicking breaks when an answer is delivered.
type panicking struct{ relay.Relay }

func (panicking) Deliver(context.Context, string, relay.Owner, relay.Message) error { panic("boom") }

// A panic after the answer has begun ends the stream with an error, and only
// that stream.
func TestPanicOnAStream(t *testing.T) {
	r := newReplica(t, newSite(t), func(e *sse.Endpoint) { e.Relay = panicking{e.Relay} })
	token := r.token(t, "alice")
	batch := "[" + talk(1, "steps", `{"count":1}`) + `,{"jsonrpc":"2.0","id":"x","result":{}}]`
	c, status := r.send(t, "POST", "/sse", token, batch, "Accept", "text/event-stream", "MCP-Protocol-Version", "2025-03-26")
	if status != 200 {
		t.Fatalf("status %d", status)
	}
	if m := c.message(t); !strings.Contains(m, `"progress":1`) {
		t.Errorf("%s", m)
	}
	if m := c.message(t); !strings.Contains(m, "-32603") || strings.Contains(m, "boom") {
		t.Errorf("%s", m)
	}
	c.ended(t)
	if a := r.post(t, "/sse", token, reply("x", "y"), speaks...); a.status != 500 || !strings.Contains(a.body, "-32603") {
		t.Errorf("before the answer: %d %s", a.status, a.body)
	}
	if a := r.post(t, "/sse", token, talk(1, "steps", `{"count":1}`), speaks...); a.status != 200 {
		t.Errorf("afterwards: %d", a.status)
	}
}
