package sse_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/sse"
)

func TestStreamCarriesAConversation(t *testing.T) {
	r := newReplica(t, newSite(t))
	token := r.token(t, "alice")
	c := r.open(t, "/sse", token)
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-store, no-transform",
		"X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff",
	} {
		if got := c.head.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if !strings.HasPrefix(c.endpoint, "/sse/message?stream=") || len(c.endpoint) > 420 || strings.Contains(c.endpoint, token) {
		t.Errorf("endpoint %q", c.endpoint)
	}
	if a := r.post(t, c.endpoint, token, initialize); a.status != 202 || a.header.Get("Mcp-Session-Id") != "" {
		t.Errorf("initialize: %d %v", a.status, a.header)
	}
	if m := c.message(t); !strings.Contains(m, `"protocolVersion":"2025-06-18"`) {
		t.Errorf("answer %s", m)
	}
	if a := r.post(t, c.endpoint, token, `{"jsonrpc":"2.0","method":"notifications/initialized"}`); a.status != 202 {
		t.Errorf("notification: %d", a.status)
	}
	// The stream remembers what was negotiated.
	r.post(t, c.endpoint, token, `{"jsonrpc":"2.0","id":2,"method":"tools/list"}`)
	if m := c.message(t); !strings.Contains(m, `"outputSchema"`) {
		t.Errorf("tools/list answers like an older revision: %s", m)
	}
	r.post(t, c.endpoint, token, call("three", "whoami", `{"marker":"x\r\nevent: evil\n\n"}`))
	if m := c.message(t); !strings.Contains(m, `"id":"three"`) || !strings.Contains(m, `alice/x`) {
		t.Errorf("call: %s", m)
	}
	r.post(t, c.endpoint, token, "rubbish")
	if m := c.message(t); !strings.Contains(m, "-32700") {
		t.Errorf("rubbish: %s", m)
	}
	r.post(t, c.endpoint, token, call(4, "panic", `{}`))
	if m := c.message(t); !strings.Contains(m, "-32603") {
		t.Errorf("panic: %s", m)
	}
}

func TestStreamBeginsWithTheReconnectTime(t *testing.T) {
	r := newReplica(t, newSite(t))
	c, status := r.get(t, "/sse", r.token(t, "alice"))
	first, err := c.reader.ReadString('\n')
	if status != 200 || err != nil || first != "retry: 250\n" {
		t.Errorf("%d %q %v", status, first, err)
	}
}

func TestWhichGetIsTheLegacyStream(t *testing.T) {
	r := newReplica(t, newSite(t))
	token := r.token(t, "alice")
	for _, c := range []struct {
		status int
		header []string
	}{
		{200, nil},
		{200, []string{"MCP-Protocol-Version", "2024-11-05"}},
		{200, []string{"MCP-Protocol-Version", "2025-11-25"}}, // SSE clients that reconnect
		{200, []string{"MCP-Protocol-Version", "rubbish"}},
		{200, []string{"Last-Event-ID", "junk", "Accept", "*/*"}},
		{405, []string{"Mcp-Session-Id", "anything"}},
		{405, []string{"MCP-Protocol-Version", "2026-07-28"}},
		{405, []string{"MCP-Protocol-Version", "2027-01-01"}},
	} {
		s, status := r.get(t, "/sse", token, c.header...)
		if status != c.status || status == 405 && s.head.Get("Allow") != "POST" {
			t.Errorf("%q: %d, Allow %q", c.header, status, s.head.Get("Allow"))
		}
	}
}

// Behind a load balancer that hashes on the parameter, the messages find the
// replica that holds the stream.
func TestSessionParameterIsRepeated(t *testing.T) {
	r := newReplica(t, newSite(t))
	token := r.token(t, "alice")
	if c := r.open(t, "/sse?session=a.B_c-9", token); !strings.HasPrefix(c.endpoint, "/sse/message?session=a.B_c-9&stream=") {
		t.Errorf("endpoint %q", c.endpoint)
	}
	for _, bad := range []string{"", "a%0Ab", "a%26b", strings.Repeat("a", 129), "a&session=b", "%c3%a9"} {
		if _, status := r.get(t, "/sse?session="+bad, token); status != 400 {
			t.Errorf("%q: %d", bad, status)
		}
	}
}

// A client that was given /mcp must hear of /mcp again when its token expires,
// or it takes the challenge for somebody else's.
func TestChallengeNamesTheResourceOfTheStream(t *testing.T) {
	r := newReplica(t, newSite(t))
	token := r.token(t, "alice")
	for path, document := range map[string]string{
		"/sse":           "/.well-known/oauth-protected-resource/sse\"",
		"/sse?session=a": "/.well-known/oauth-protected-resource/sse\"",
		"/mcp":           "/.well-known/oauth-protected-resource/mcp\"",
		"/mcp?session=a": "/.well-known/oauth-protected-resource/mcp\"",
	} {
		c := r.open(t, path, token)
		a := r.post(t, c.endpoint, "rubbish", initialize)
		if a.status != 401 || !strings.Contains(a.header.Get("WWW-Authenticate"), document) {
			t.Errorf("%s: %d %q", path, a.status, a.header.Get("WWW-Authenticate"))
		}
		if a := r.post(t, c.endpoint, token, initialize); a.status != 202 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

// Timeouts of the HTTP server are for requests; a stream outlives them.
func TestStreamOutlivesTheTimeoutsOfTheServer(t *testing.T) {
	s := newSite(t)
	r := newReplica(t, s)
	c := r.open(t, "/sse", s.token(t, "alice"))
	time.Sleep(serverTimeout + 100*time.Millisecond) // the network's clock cannot be moved
	s.clock.advance(15 * time.Second)
	if e, err := c.next(); err != nil || e.comment != "keep-alive" {
		t.Errorf("%+v %v", e, err)
	}
}

func TestCORSOnAStream(t *testing.T) {
	r := newReplica(t, newSite(t))
	c := r.open(t, "/sse", r.token(t, "alice"), "Origin", "https://app.example.com")
	if c.head.Get("Access-Control-Allow-Origin") != "https://app.example.com" || c.head.Get("Vary") != "Origin" {
		t.Errorf("%v", c.head)
	}
}

func TestMessagesForNoStreamOfTheirs(t *testing.T) {
	s := newSite(t)
	r, other := newReplica(t, s), newReplica(t, s)
	token := r.token(t, "alice")
	c := r.open(t, "/sse", token)
	_, handle, _ := strings.Cut(c.endpoint, "stream=")
	seal := func(a artifact.Stream) string {
		h, err := artifact.NewSealer[artifact.Stream](s.vault).Seal(a)
		if err != nil {
			t.Fatal(err)
		}
		return "/sse/message?stream=" + h
	}
	bob := s.token(t, "bob", func(a *artifact.AccessToken) { a.Client = "client-of-alice" }) // one client, two users
	sameUser := s.token(t, "alice", func(a *artifact.AccessToken) { a.Client = "another-client" })
	for name, a := range map[string]answer{
		"no handle 400":       r.post(t, "/sse/message", token, initialize),
		"two handles 400":     r.post(t, c.endpoint+"&stream="+handle, token, initialize),
		"another user 404":    r.post(t, c.endpoint, bob, initialize),
		"another client 404":  r.post(t, c.endpoint, sameUser, initialize),
		"rubbish 404":         r.post(t, "/sse/message?stream=rubbish", token, initialize),
		"a bearer 404":        r.post(t, "/sse/message?stream="+token, token, initialize),
		"an unknown id 404":   r.post(t, seal(artifact.Stream{ID: "nobody", Subject: "alice", Client: "client-of-alice"}), token, initialize),
		"another replica 404": other.post(t, c.endpoint, token, initialize),
		"no token 401":        r.do(t, "POST", c.endpoint, initialize, "Content-Type", "application/json"),
		"a bad token 401":     r.post(t, c.endpoint, "x", initialize),
		"text 415":            r.do(t, "POST", c.endpoint, initialize, "Content-Type", "text/plain", "Authorization", "Bearer "+token),
		"evil page 403":       r.post(t, c.endpoint, token, initialize, "Origin", "https://evil.example"),
	} {
		if !strings.HasSuffix(name, fmt.Sprint(" ", a.status)) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		if a.status == 404 && !strings.Contains(a.body, `"jsonrpc":"2.0"`) {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	r.post(t, c.endpoint, token, call(1, "whoami", `{"marker":"still here"}`))
	if m := c.message(t); !strings.Contains(m, "alice/still here") {
		t.Errorf("first message on the stream: %s", m)
	}
}

func TestMessageAfterTheClientLeftIsRefusedAtOnce(t *testing.T) {
	r := newReplica(t, newSite(t))
	token := r.token(t, "alice")
	c := r.open(t, "/sse", token)
	c.conn.Close()
	// Closing on the loopback has arrived when it returns. A 202 would be a lie:
	// nobody hears the answer.
	if a := r.post(t, c.endpoint, token, initialize); a.status != 404 {
		t.Errorf("status %d", a.status)
	}
	eventually(t, "its place is free", func() bool { return r.OpenStreams() == 0 })
}

// The HTTP reply must not wait for a slow tool, or the client would time out on
// a message that runs.
func TestSlowToolDoesNotHoldTheReply(t *testing.T) {
	r := newReplica(t, newSite(t))
	token := r.token(t, "alice")
	c := r.open(t, "/sse", token)
	if a := r.post(t, c.endpoint, token, call(1, "wait", `{}`)); a.status != 202 {
		t.Fatal(a.status)
	}
	r.post(t, c.endpoint, token, call(2, "whoami", `{"marker":"fast"}`))
	if m := c.message(t); !strings.Contains(m, `"id":2`) {
		t.Errorf("first answer: %s", m)
	}
	close(r.release)
	if m := c.message(t); !strings.Contains(m, `"id":1`) {
		t.Errorf("second answer: %s", m)
	}
}

func TestCallsOfAUserAreBounded(t *testing.T) {
	r := newReplica(t, newSite(t))
	token, other := r.token(t, "alice"), r.token(t, "bob")
	c, bobs := r.open(t, "/sse", token), r.open(t, "/sse", other)
	for i := range 64 {
		c := []*client{c, r.open(t, "/sse", token)}[i%2] // on many streams
		if a := r.post(t, c.endpoint, token, call(i, "wait", `{}`)); a.status != 202 {
			t.Fatal(a.status)
		}
	}
	if a := r.post(t, bobs.endpoint, other, call(1, "whoami", `{"marker":"x"}`)); a.status != 202 {
		t.Errorf("another user: %d", a.status)
	}
	if a := r.post(t, c.endpoint, token, call(17, "wait", `{}`)); a.status != 429 || a.header.Get("Retry-After") == "" {
		t.Errorf("one too many: %d", a.status)
	}
	close(r.release)
	eventually(t, "a free place", func() bool { return r.post(t, c.endpoint, token, call(18, "wait", `{}`)).status == 202 })
}

func TestCallEndsWithItsStream(t *testing.T) {
	r := newReplica(t, newSite(t))
	token := r.token(t, "alice")
	c := r.open(t, "/sse", token)
	r.post(t, c.endpoint, token, call(1, "wait", `{}`))
	<-r.started
	left := time.Now()
	c.conn.Close()
	select {
	case <-r.cancelled:
		if d := time.Since(left); d > 2*time.Second { // half of it is for a busy machine
			t.Errorf("cancelled after %v", d)
		}
	case <-time.After(patience):
		t.Fatal("the tool runs for nobody")
	}
}

func TestAnswersNeverCrossStreams(t *testing.T) {
	r := newReplica(t, newSite(t))
	var wg sync.WaitGroup
	for n := range 4 {
		user := fmt.Sprint("user", n)
		token := r.token(t, user)
		c := r.open(t, "/sse", token)
		wg.Go(func() {
			for i := range 50 {
				marker := fmt.Sprint("marker", i)
				r.post(t, c.endpoint, token, call(i, "whoami", `{"marker":"`+marker+`"}`))
				if m := c.message(t); !strings.Contains(m, user+"/"+marker+`\"`) {
					t.Errorf("%s %d got %s", user, i, m)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestStreamEndsWithItsToken(t *testing.T) {
	s := newSite(t)
	r := newReplica(t, s)
	c := r.open(t, "/sse", s.token(t, "alice", s.livesFor(5*time.Second)))
	s.clock.advance(4900 * time.Millisecond)
	time.Sleep(300 * time.Millisecond) // the pulse of a real server must have come by
	if r.OpenStreams() != 1 {
		t.Fatal("closed before the token expired")
	}
	s.clock.advance(600 * time.Millisecond) // half a second past the expiry
	began := time.Now()
	if last := c.ended(t); !strings.Contains(last, "expired") {
		t.Errorf("last comment %q", last)
	}
	if d := time.Since(began); d > time.Second { // half of it is for a busy machine
		t.Errorf("closed %v after the grace time", d)
	}
	eventually(t, "its place is free", func() bool { return r.OpenStreams() == 0 })
}

func TestNewerTokenKeepsTheStream(t *testing.T) {
	s := newSite(t)
	r := newReplica(t, s)
	c := r.open(t, "/sse", s.token(t, "alice", s.livesFor(5*time.Second)))
	for range 4 {
		s.clock.advance(5400 * time.Millisecond) // in the grace time
		token := s.token(t, "alice", s.livesFor(5*time.Second))
		if a := r.post(t, c.endpoint, token, call(1, "whoami", `{"marker":"on"}`)); a.status != 202 {
			t.Fatalf("status %d", a.status)
		}
		if m := c.message(t); !strings.Contains(m, "alice/on") {
			t.Fatalf("got %s", m)
		}
		s.clock.advance(-400 * time.Millisecond) // keep to whole seconds
	}
	// An older token does not shorten the stream's life.
	short := s.token(t, "alice", s.livesFor(2*time.Second))
	r.post(t, c.endpoint, short, call(1, "whoami", `{"marker":"x"}`))
	s.clock.advance(3 * time.Second)
	time.Sleep(300 * time.Millisecond)
	if r.OpenStreams() != 1 {
		t.Error("the stream is gone")
	}
}

// What a tool says after the token has expired is held back: the user may have
// been locked out. A newer token releases it.
func TestNothingIsDeliveredAfterExpiry(t *testing.T) {
	s := newSite(t)
	r := newReplica(t, s)
	c := r.open(t, "/sse", s.token(t, "alice", s.livesFor(5*time.Second)))
	r.post(t, c.endpoint, s.token(t, "alice", s.livesFor(4*time.Second)), call(1, "wait", `{}`))
	<-r.started
	s.clock.advance(5 * time.Second)
	close(r.release)
	c.conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if b, err := c.reader.ReadByte(); err == nil {
		t.Fatalf("got %q after the expiry", b)
	}
	r.post(t, c.endpoint, s.token(t, "alice", s.livesFor(time.Minute)), call(2, "whoami", `{"marker":"x"}`))
	if m := c.message(t); !strings.Contains(m, `"id":1`) {
		t.Errorf("first after the extension: %s", m)
	}
	if m := c.message(t); !strings.Contains(m, `"id":2`) {
		t.Errorf("second after the extension: %s", m)
	}
}

func TestStreamNeverOutlivesItsHandle(t *testing.T) {
	s := newSite(t)
	r := newReplica(t, s)
	s.vault.Lifetimes.Access = 48 * time.Hour
	token := s.token(t, "alice")
	c := r.open(t, "/sse", token)
	r.post(t, c.endpoint, token, call(1, "whoami", `{"marker":"x"}`))
	c.message(t)
	s.clock.advance(artifact.SessionLife)
	c.ended(t)
}

func TestHeartbeat(t *testing.T) {
	s := newSite(t)
	r := newReplica(t, s)
	c := r.open(t, "/sse", s.token(t, "alice"))
	for range 3 {
		s.clock.advance(15 * time.Second)
		if e, err := c.next(); err != nil || e.comment != "keep-alive" {
			t.Fatalf("%+v %v", e, err)
		}
	}
	gone := r.open(t, "/sse", s.token(t, "bob"))
	gone.conn.Close()
	time.Sleep(20 * time.Millisecond) // let the FIN cross the loopback
	s.clock.advance(15 * time.Second)
	eventually(t, "the closed peer is noticed by one heartbeat", func() bool { return r.OpenStreams() == 1 })
}

func TestCapsAreExactUnderConcurrency(t *testing.T) {
	r := newReplica(t, newSite(t), func(e *sse.Endpoint) { e.MaxStreams, e.MaxStreamsPerUser = 20, 8 })
	statuses := func(users int) map[int]int {
		var mu sync.Mutex
		var wg sync.WaitGroup
		got := map[int]int{}
		for i := range 40 {
			token := r.token(t, fmt.Sprint("user", i%users))
			wg.Go(func() {
				c, status := r.get(t, "/sse", token)
				if status != 200 && c.head.Get("Retry-After") == "" {
					t.Errorf("%d without Retry-After", status)
				}
				mu.Lock()
				defer mu.Unlock()
				got[status]++
			})
		}
		wg.Wait()
		return got
	}
	if got := statuses(1); got[200] != 8 || got[429] != 32 {
		t.Errorf("one user: %v", got)
	}
	if got := statuses(5); got[200] != 12 || got[200]+got[429]+got[503] != 40 {
		t.Errorf("five users: %v", got)
	}
	if n := r.OpenStreams(); n != 20 {
		t.Errorf("%d open", n)
	}
	if a := r.post(t, "/sse", r.token(t, "user0"), initialize); a.status != 200 {
		t.Errorf("POST while full: %d", a.status)
	}
}

func TestPlacesAreGivenBackOnce(t *testing.T) {
	s := newSite(t)
	r := newReplica(t, s, func(e *sse.Endpoint) { e.MaxStreams, e.MaxStreamsPerUser = 5, 5 })
	for range 3 {
		token := s.token(t, "alice")
		var open []*client
		for range 5 {
			open = append(open, r.open(t, "/sse", token))
		}
		if _, status := r.get(t, "/sse", token); status != 429 {
			t.Fatalf("sixth: %d", status)
		}
		var wg sync.WaitGroup
		for _, c := range open {
			c.conn.Close()
			// Everything that may close a stream comes at once.
			wg.Go(func() { r.post(t, c.endpoint, token, initialize) })
		}
		s.clock.advance(15 * time.Second)
		wg.Wait()
		eventually(t, "all places free", func() bool { return r.OpenStreams() == 0 })
	}
}

func TestIdleStreamsHaveNoGoroutines(t *testing.T) {
	const n = 1000
	r := newReplica(t, newSite(t))
	token := r.token(t, "alice")
	r.open(t, "/sse", token) // starts the pulse and fasthttp's workers
	before, memory := runtime.NumGoroutine(), inUse()
	for range n {
		r.open(t, "/sse", token)
	}
	// fasthttp's workers end some time after their last request; a few may be
	// there for the POSTs and GETs still on their way.
	eventually(t, "no goroutine per stream", func() bool { return runtime.NumGoroutine() < before+10 })
	if got := r.OpenStreams(); got != n+1 {
		t.Errorf("%d open", got)
	}
	// Both ends of each stream are in this process, and this end has a buffer.
	// A goroutine with its buffers would be 13 KiB or more for the server alone.
	each := (inUse() - memory) / n
	t.Logf("%d bytes for both ends of a stream", each)
	if each > 8<<10 {
		t.Errorf("%d bytes for both ends of a stream", each)
	}
}

// inUse is the memory of heap and stacks that is not free.
func inUse() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // the first one only empties pools into their victims
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}

// A client that does not read fills its own queue and is dropped; the others
// wait for nothing.
func TestSlowReaderIsDropped(t *testing.T) {
	r := newReplica(t, newSite(t))
	slowToken, token := r.token(t, "slow"), r.token(t, "alice")
	slow, quick := r.open(t, "/sse", slowToken), r.open(t, "/sse", token)
	var gone atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for !gone.Load() {
			gone.Store(r.post(t, slow.endpoint, slowToken, call(1, "big", `{"size":200000}`)).status == 404)
		}
	})
	began := time.Now()
	for i := 0; !gone.Load(); i++ {
		if time.Since(began) > 4*patience {
			t.Error("the slow reader is still there")
			gone.Store(true)
		}
		asked := time.Now()
		r.post(t, quick.endpoint, token, call(i, "whoami", `{"marker":"x"}`))
		quick.message(t)
		if d := time.Since(asked); d > time.Second {
			t.Errorf("the quick one waited %v", d)
		}
	}
	wg.Wait()
	eventually(t, "the log says why", func() bool { return strings.Contains(r.logs.String(), "slow reader") })
}

// A long answer takes more than one write; a peer that reads gets all of it.
func TestLongAnswerIsDeliveredWhole(t *testing.T) {
	r := newReplica(t, newSite(t))
	token := r.token(t, "alice")
	c := r.open(t, "/sse", token)
	r.post(t, c.endpoint, token, initialize)
	c.message(t)
	for range 3 {
		r.post(t, c.endpoint, token, call(1, "big", `{"size":1500000}`))
		if m := c.message(t); strings.Count(m, "x") < 3_000_000 { // as text and as structured content
			t.Fatalf("%d bytes arrived", len(m))
		}
		r.post(t, c.endpoint, token, call(1, "whoami", `{"marker":"after"}`))
		if m := c.message(t); !strings.Contains(m, "alice/after") {
			t.Fatalf("after the long one: %.100s", m)
		}
	}
}
