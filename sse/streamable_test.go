package sse_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/sse"
)

func TestPostAnswersWithJSON(t *testing.T) {
	r := newReplica(t, newSite(t))
	token := r.token(t, "alice")
	for _, path := range []string{"/sse", "/sse/", "/mcp"} {
		a := r.post(t, path, token, initialize)
		if a.status != 200 || a.header.Get("Content-Type") != "application/json" || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", path, a.status, a.header)
		}
		if !strings.Contains(a.body, `"protocolVersion":"2025-06-18"`) {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	a := r.post(t, "/sse", token, call(7, "whoami", `{"marker":"m"}`))
	if a.status != 200 || !strings.Contains(a.body, "alice/m") || !strings.Contains(a.body, `"id":7`) {
		t.Errorf("call: %d %s", a.status, a.body)
	}
	a = r.post(t, "/sse", token, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	if a.status != 202 || a.body != "" {
		t.Errorf("notification: %d %q", a.status, a.body)
	}
	a = r.post(t, "/sse", token, "rubbish")
	if a.status != 400 || !strings.Contains(a.body, "-32700") {
		t.Errorf("rubbish: %d %q", a.status, a.body)
	}
	a = r.post(t, "/sse", token, call(1, "panic", `{}`))
	if !strings.Contains(a.body, "-32603") || strings.Contains(a.body, "boom") {
		t.Errorf("panic in a tool: %d %q", a.status, a.body)
	}
}

func TestModernRevisionIsMapped(t *testing.T) {
	r := newReplica(t, newSite(t))
	token := r.token(t, "alice")
	modern := func(method string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`, method)
	}
	post := func(method string, header ...string) answer {
		return r.post(t, "/sse", token, modern(method), append(header, "MCP-Protocol-Version", "2026-07-28", "Mcp-Method", method)...)
	}
	if a := post("tools/list"); a.status != 200 || !strings.Contains(a.body, "whoami") {
		t.Errorf("tools/list: %d %s", a.status, a.body)
	}
	if a := post("no/such"); a.status != 404 || !strings.Contains(a.body, "-32601") {
		t.Errorf("unknown method: %d %s", a.status, a.body)
	}
	if a := post("tools/list", "Mcp-Method", "tools/call"); a.status != 400 || !strings.Contains(a.body, "-32020") {
		t.Errorf("Mcp-Method twice: %d %s", a.status, a.body)
	}
	// Sessions are gone in this revision: the header means nothing.
	a := post("tools/list", "Mcp-Session-Id", "rubbish", "Last-Event-ID", "junk")
	if a.status != 200 || a.header.Get("Mcp-Session-Id") != "" {
		t.Errorf("with a session id: %d %v", a.status, a.header)
	}
}

func TestMediaTypes(t *testing.T) {
	r := newReplica(t, newSite(t))
	token := "Bearer " + r.token(t, "alice")
	for contentType, want := range map[string]int{
		"application/json":                         200,
		"Application/JSON; charset=UTF-8":          200,
		`application/json;charset="utf-8"`:         200,
		"application/json; charset=utf-16":         415,
		"text/plain":                               415,
		"":                                         415,
		"application/x-www-form-urlencoded":        415,
		"multipart/form-data; boundary=x":          415,
		"application/jsonx":                        415,
		"text/plain; application/json":             415,
		"application/json, text/plain":             415,
		"application/vnd.api+json":                 415,
		"application/json-patch+json;charset=utf8": 415,
	} {
		a := r.do(t, "POST", "/sse", initialize, "Authorization", token, "Content-Type", contentType)
		if a.status != want {
			t.Errorf("%q: %d, want %d", contentType, a.status, want)
		}
	}
	for _, encoding := range []string{"gzip", "identity", "br"} {
		a := r.do(t, "POST", "/sse", initialize, "Authorization", token, "Content-Type", "application/json", "Content-Encoding", encoding)
		if a.status != 415 {
			t.Errorf("Content-Encoding %s: %d", encoding, a.status)
		}
	}
	for _, accept := range []string{"", "*/*", "text/html", "application/json", "text/event-stream"} {
		if a := r.post(t, "/sse", r.token(t, "alice"), initialize, "Accept", accept); a.status != 200 {
			t.Errorf("Accept %q: %d", accept, a.status)
		}
	}
}

func TestSession(t *testing.T) {
	s := newSite(t)
	r, other := newReplica(t, s), newReplica(t, s)
	token := r.token(t, "alice")
	id := r.post(t, "/sse", token, initialize).header.Get("Mcp-Session-Id")
	if len(id) == 0 || len(id) > 400 || strings.ContainsFunc(id, func(c rune) bool { return c < 0x21 || c > 0x7e }) {
		t.Fatalf("session id of %d characters: %q", len(id), id)
	}
	const list = `{"jsonrpc":"2.0","id":2,"method":"tools/list"}`
	// The other replica knows what was negotiated: 2025-06-18 has output
	// schemas, which the revision that is assumed without a session does not.
	if a := other.post(t, "/sse", token, list, "Mcp-Session-Id", id); a.status != 200 || !strings.Contains(a.body, `"outputSchema"`) {
		t.Errorf("with the session: %d %s", a.status, a.body)
	}
	if a := other.post(t, "/sse", token, list); a.status != 200 || strings.Contains(a.body, `"outputSchema"`) {
		t.Errorf("without: %d %s", a.status, a.body)
	}
	bob := s.token(t, "bob", func(a *artifact.AccessToken) { a.Client = "client-of-alice" }) // one client, two users
	sameUser := s.token(t, "alice", func(a *artifact.AccessToken) { a.Client = "another-client" })
	for name, a := range map[string]answer{
		"another user":   r.post(t, "/sse", bob, list, "Mcp-Session-Id", id),
		"another client": r.post(t, "/sse", sameUser, list, "Mcp-Session-Id", id),
		"rubbish":        r.post(t, "/sse", token, list, "Mcp-Session-Id", "rubbish"),
		"empty":          r.post(t, "/sse", token, list, "Mcp-Session-Id", ""),
		"a bearer":       r.post(t, "/sse", token, list, "Mcp-Session-Id", token),
		"twice":          r.post(t, "/sse", token, list, "Mcp-Session-Id", id, "Mcp-Session-Id", id),
		"with a version": r.post(t, "/sse", token, list, "Mcp-Session-Id", "rubbish", "MCP-Protocol-Version", "2025-11-25"),
	} {
		if a.status != 404 || !strings.Contains(a.body, `"jsonrpc"`) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	s.clock.advance(artifact.SessionLife)
	if a := r.post(t, "/sse", r.token(t, "alice"), list, "Mcp-Session-Id", id); a.status != 404 {
		t.Errorf("expired: %d", a.status)
	}
	if a := r.do(t, "GET", "/sse", "", "Mcp-Session-Id", id); a.status != 401 {
		t.Errorf("a session id is no login: %d", a.status)
	}
}

// What was opened is remembered for as long as its keys: with another ring, of
// which the endpoint is not told at first, nothing can be opened any more.
func TestSessionsAreRememberedUntilTheFlush(t *testing.T) {
	s := newSite(t)
	var endpoint *sse.Endpoint
	r := newReplica(t, s, func(e *sse.Endpoint) { endpoint = e })
	token := r.token(t, "alice")
	id := r.post(t, "/sse", token, initialize).header.Get("Mcp-Session-Id")
	const list = `{"jsonrpc":"2.0","id":2,"method":"tools/list"}`
	if a := r.post(t, "/sse", token, list, "Mcp-Session-Id", id); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	s.vault.Ring = newSite(t).vault.Ring
	if a := r.post(t, "/sse", token, list, "Mcp-Session-Id", id); a.status != 200 || !strings.Contains(a.body, `"outputSchema"`) {
		t.Errorf("not remembered: %d %s", a.status, a.body)
	}
	if a := r.post(t, "/sse", token, list, "Mcp-Session-Id", id[:len(id)-1]); a.status != 404 {
		t.Errorf("a part of it: %d %s", a.status, a.body)
	}
	endpoint.Bearer.Flush()
	if a := r.post(t, "/sse", r.token(t, "alice"), list, "Mcp-Session-Id", id); a.status != 404 {
		t.Errorf("after the flush: %d %s", a.status, a.body)
	}
}

func TestSessionIDIsSmallForTheLongestNames(t *testing.T) {
	r := newReplica(t, newSite(t))
	long := strings.Repeat("n\\u00e9\\n", 200)
	token := r.token(t, string(artifact.DigestOf("alice")), func(a *artifact.AccessToken) { a.Client = artifact.DigestOf("client") })
	a := r.post(t, "/sse", token, strings.Replace(initialize, "tester", long, 1))
	if id := a.header.Get("Mcp-Session-Id"); a.status != 200 || len(id) == 0 || len(id) > 400 {
		t.Errorf("status %d, %d characters", a.status, len(id))
	}
}

func TestBodyTooLarge(t *testing.T) {
	r := newReplica(t, newSite(t))
	// The limit of the endpoint itself; the HTTP server's is wider here.
	if a := r.post(t, "/sse", r.token(t, "alice"), strings.Repeat(" ", sse.MaxBody+1)); a.status != 413 {
		t.Errorf("status %d", a.status)
	}
	large := call(1, "whoami", `{"marker":"`+strings.Repeat("m", sse.MaxBody-200)+`"}`)
	if a := r.post(t, "/sse", r.token(t, "alice"), large); a.status != 200 {
		t.Errorf("a body just within the limit: %d", a.status)
	}
}

// Fifty users number their requests alike and send them at the same time: no
// answer may cross, whatever buffers the HTTP server reuses.
func TestAnswersNeverCross(t *testing.T) {
	r := newReplica(t, newSite(t))
	var wg sync.WaitGroup
	for c := range 50 {
		user := fmt.Sprint("user", c)
		token := r.token(t, user)
		wg.Go(func() {
			for i := range 200 {
				marker := fmt.Sprint("marker", i)
				a := r.post(t, "/sse", token, call(i, "whoami", `{"marker":"`+marker+`"}`))
				if !strings.Contains(a.body, user+"/"+marker+`\"`) || !strings.Contains(a.body, fmt.Sprintf(`"id":%d`, i)) {
					t.Errorf("%s %d got %s", user, i, a.body)
					return
				}
			}
		})
	}
	wg.Wait()
}
