package sse_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/sse"
	"mcp-oauth-server/tools"
)

// offering replaces the tools of a replica.
func offering(t testing.TB, items ...tools.Item) func(*sse.Endpoint) {
	t.Helper()
	registry, err := tools.NewRegistry(items...)
	if err != nil {
		t.Fatal(err)
	}
	return func(e *sse.Endpoint) { e.MCP.Tools = registry }
}

// scoped gives a token other scopes.
func scoped(scopes string) func(*artifact.AccessToken) {
	return func(a *artifact.AccessToken) { a.Scope = scopes }
}

// A token without the scope is refused before the tool has done anything, and
// before an event stream has begun, which could no longer say 403.
func TestScopeIsCheckedBeforeAnythingRuns(t *testing.T) {
	var ran atomic.Int64
	r := newReplica(t, newSite(t), offering(t,
		tools.New(tools.Spec{Name: "act", Title: "Act", Description: "Acts."}, func(c *tools.Context, _ none) (none, error) {
			ran.Add(1)
			c.Progress(1, 1, "acted")
			return none{}, nil
		})))
	poor, good := r.token(t, "alice", scoped("openid mcp:toolset mcp:tool")), r.token(t, "alice")
	s := r.open(t, "/sse", good)
	refused := map[string]answer{
		"on a stream of old": r.post(t, s.endpoint, poor, call(1, "act", `{}`)),
		"list":               r.post(t, "/sse", poor, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, speaks...),
	}
	for _, e := range eras {
		refused["call in "+e.name] = r.post(t, "/sse", poor, e.talk(1, "act", `{}`), e.header("act")...)
	}
	for name, a := range refused {
		challenge := a.header.Get("WWW-Authenticate")
		if a.status != 403 || !strings.HasPrefix(challenge, `Bearer resource_metadata="`) || !strings.Contains(challenge, `scope="mcp:tools"`) || !strings.Contains(challenge, `error="insufficient_scope"`) {
			t.Errorf("%s: %d, challenge %q", name, a.status, challenge)
		}
		if a.header.Get("Content-Type") != "application/json" || strings.Contains(a.body, "jsonrpc") {
			t.Errorf("%s: %v %s", name, a.header, a.body)
		}
	}
	for name, c := range map[string]*client{
		"GET":          r.begin(t, "GET", "/sse", poor, "", "Accept", "text/event-stream"),
		"subscription": r.begin(t, "POST", "/sse", poor, listen(1), speaksModern("subscriptions/listen", "")...),
	} {
		if status := c.readHead(t); status != 403 || c.head.Get("Content-Type") != "application/json" || !strings.Contains(c.head.Get("WWW-Authenticate"), "insufficient_scope") {
			t.Errorf("%s: %d %v", name, status, c.head)
		}
	}
	if n := ran.Load(); n != 0 {
		t.Errorf("the tool ran %d times", n)
	}
	if a := r.post(t, "/sse", good, talk(1, "act", `{}`), speaks...); a.status != 200 || ran.Load() != 1 {
		t.Errorf("with the scope: %d %s", a.status, a.body)
	}
}

// A tool that asks for a further scope does not exist for tokens without it: it
// is not listed, and a call of it is answered like one of no tool at all.
func TestToolsOfAScopeAreHidden(t *testing.T) {
	var ran atomic.Int64
	admin := tools.Spec{Name: "admin", Title: "Admin", Description: "For few.", Allow: func(c tools.Caller) bool { return c.Scopes.Has("mcp:admin") }}
	r := newReplica(t, newSite(t), offering(t,
		tools.New(tools.Spec{Name: "public", Title: "Public", Description: "For all."}, func(*tools.Context, none) (none, error) { return none{}, nil }),
		tools.New(admin, func(*tools.Context, none) (none, error) { ran.Add(1); return none{}, nil })))
	const list = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
	modernList := strings.Replace(list, `"tools/list"`, `"tools/list","params":{"_meta":{`+modernMeta+`}}`, 1)
	for scopes, allowed := range map[string]bool{
		"mcp:tools": false, "mcp:tools mcp:administrator": false, "mcp:tools MCP:ADMIN": false, "mcp:tools mcp:admin": true,
	} {
		token := r.token(t, "alice", scoped(scopes))
		for name, a := range map[string]answer{
			"list": r.post(t, "/sse", token, list, speaks...), "list of 2026-07-28": r.post(t, "/sse", token, modernList, speaksModern("tools/list", "")...),
		} {
			if a.status != 200 || !strings.Contains(a.body, `"public"`) || strings.Contains(a.body, `"admin"`) != allowed {
				t.Errorf("%s, %s: %d %s", scopes, name, a.status, a.body)
			}
		}
		before := ran.Load()
		for _, e := range eras {
			hidden := r.post(t, "/sse", token, e.talk(1, "admin", `{}`), e.header("admin")...)
			missing := r.post(t, "/sse", token, e.talk(1, "nobody", `{}`), e.header("nobody")...)
			asIfMissing := hidden.status == missing.status && hidden.body == strings.ReplaceAll(missing.body, "nobody", "admin")
			if asIfMissing == allowed || strings.Contains(hidden.body, `"result"`) != allowed {
				t.Errorf("%s, call in %s: %d %s", scopes, e.name, hidden.status, hidden.body)
			}
		}
		if did := ran.Load() > before; did != allowed {
			t.Errorf("%s: ran: %t", scopes, did)
		}
	}
}

// What a tool asks of other servers carries nothing of the token it was called
// with: a server that passes tokens on lets each of the others act as the user.
func TestTokensAreNotPassedOn(t *testing.T) {
	var seen atomic.Pointer[http.Request]
	downstream := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen.Store(r) }))
	defer downstream.Close()
	var known atomic.Pointer[string]
	r := newReplica(t, newSite(t), offering(t,
		tools.New(tools.Spec{Name: "fetch", Title: "Fetch", Description: "Asks another server."}, func(c *tools.Context, _ none) (none, error) {
			all := fmt.Sprintf("%+v %+v", c.Caller, c.Trace)
			known.Store(&all)
			request, err := http.NewRequestWithContext(c, http.MethodGet, downstream.URL, nil)
			if err != nil {
				return none{}, err
			}
			response, err := downstream.Client().Do(request)
			if err == nil {
				response.Body.Close()
			}
			return none{}, err
		})))
	token := r.token(t, "alice")
	legacy := r.open(t, "/sse", token)
	for _, ask := range []func() string{
		func() string { return r.post(t, "/sse", token, talk(1, "fetch", `{}`), speaks...).body },
		func() string {
			return r.post(t, "/sse", token, modernTalk(1, "fetch", `{}`), speaksModern("tools/call", "fetch")...).body
		},
		func() string { r.post(t, legacy.endpoint, token, call(1, "fetch", `{}`)); return legacy.message(t) },
	} {
		seen.Store(nil)
		if body := ask(); seen.Load() == nil || strings.Contains(body, "isError") {
			t.Fatalf("the other server was not asked: %s", body)
		}
		for name, values := range seen.Load().Header {
			if name == "Authorization" || name == "Cookie" || strings.Contains(strings.Join(values, ""), token[:20]) {
				t.Errorf("passed on: %s: %q", name, values)
			}
		}
		if strings.Contains(*known.Load(), token[:20]) || strings.Contains(*known.Load(), "Bearer") {
			t.Errorf("the tool knows the token: %s", *known.Load())
		}
	}
}
