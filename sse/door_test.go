package sse_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/sse"
)

const metadata = `Bearer resource_metadata="http://127.0.0.1:8080/.well-known/oauth-protected-resource/sse", scope="mcp:tools"`

// The challenge is the first thing a client without a token hears, whatever
// else its request says: probes with odd headers must find the login.
func TestWhoeverHasNoTokenIsToldWhereToGetOne(t *testing.T) {
	r := newReplica(t, newSite(t))
	for _, odd := range [][]string{
		nil,
		{"MCP-Protocol-Version", "2024-11-05"},
		{"MCP-Protocol-Version", "2026-07-28"},
		{"MCP-Protocol-Version", "rubbish"},
		{"Mcp-Session-Id", "whatever"},
		{"Content-Type", "text/plain"},
		{"Content-Encoding", "gzip"},
		{"Accept", "text/html"},
		{"Last-Event-ID", "../../etc"},
		{"Authorization", "Basic YTpi"},
		{"Authorization", "DPoP abc"},
		{"Cookie", "access_token=" + r.token(t, "alice")},
		{"Upgrade", "websocket", "Connection", "Upgrade"},
	} {
		for _, method := range []string{"GET", "POST"} {
			a := r.do(t, method, "/sse", "rubbish", odd...)
			if a.status != 401 || a.header.Get("WWW-Authenticate") != metadata {
				t.Errorf("%s %q: %d, challenge %q", method, odd, a.status, a.header.Get("WWW-Authenticate"))
			}
			if a.header.Get("Content-Type") != "application/json" || !strings.Contains(a.body, `"error":"unauthorized"`) {
				t.Errorf("%s %q: body %q", method, odd, a.body)
			}
		}
	}
	if a := r.do(t, "POST", "/mcp", ""); !strings.Contains(a.header.Get("WWW-Authenticate"), "oauth-protected-resource/mcp") {
		t.Errorf("/mcp names %q", a.header.Get("WWW-Authenticate"))
	}
	if a := r.do(t, "GET", "/sse", "", "Host", "localhost:8080"); !strings.Contains(a.header.Get("WWW-Authenticate"), "http://localhost:8080/") {
		t.Errorf("the challenge does not follow the loopback host: %q", a.header.Get("WWW-Authenticate"))
	}
}

func TestChallengeComesBeforeLegacyIsRefused(t *testing.T) {
	r := newReplica(t, newSite(t), func(e *sse.Endpoint) { e.Legacy = false })
	if a := r.do(t, "GET", "/sse", ""); a.status != 401 {
		t.Errorf("without a token: %d", a.status)
	}
	token := "Bearer " + r.token(t, "alice")
	if a := r.do(t, "GET", "/sse", "", "Authorization", token); a.status != 405 || a.header.Get("Allow") != "POST" {
		t.Errorf("with a token: %d, Allow %q", a.status, a.header.Get("Allow"))
	}
	if a := r.post(t, "/sse/message?stream=x", r.token(t, "alice"), initialize); a.status != 404 {
		t.Errorf("message: %d", a.status)
	}
}

func TestTokensThatAreRefused(t *testing.T) {
	s := newSite(t)
	r := newReplica(t, s)
	stranger := newSite(t)
	good := s.token(t, "alice")
	session, err := artifact.NewSealer[artifact.Session](s.vault).Seal(artifact.Session{Subject: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	expired := s.token(t, "alice", s.livesFor(time.Second))
	s.clock.advance(time.Second)
	for _, c := range []struct {
		name   string
		status int
		code   string
		values []string
	}{
		{"not a token", 401, "invalid_token", []string{"Bearer x"}},
		{"of another key ring", 401, "invalid_token", []string{"Bearer " + stranger.token(t, "alice")}},
		{"expired", 401, "invalid_token", []string{"Bearer " + expired}},
		{"another kind of artifact", 401, "invalid_token", []string{"Bearer " + session}},
		{"another audience", 401, "invalid_token", []string{"Bearer " + s.token(t, "a", func(a *artifact.AccessToken) { a.Audience = base })}},
		{"another issuer", 401, "invalid_token", []string{"Bearer " + s.token(t, "a", func(a *artifact.AccessToken) { a.Issuer = "https://evil.example" })}},
		{"without the scope", 403, "insufficient_scope", []string{"Bearer " + s.token(t, "a", func(a *artifact.AccessToken) { a.Scope = "mcp:toolset openid" })}},
		{"two headers", 400, "invalid_request", []string{"Bearer " + good, "Bearer " + good}},
		{"two in one", 400, "invalid_request", []string{"Bearer " + good + ", Bearer " + good}},
		{"two spaces", 400, "invalid_request", []string{"Bearer  " + good}},
		{"a tab", 400, "invalid_request", []string{"Bearer\t" + good}},
		{"no token", 400, "invalid_request", []string{"Bearer"}},
		{"quoted", 400, "invalid_request", []string{`Bearer "` + good + `"`}},
	} {
		var header []string
		for _, v := range c.values {
			header = append(header, "Authorization", v)
		}
		for _, method := range []string{"GET", "POST"} {
			a := r.do(t, method, "/sse", initialize, append(header, "Content-Type", "application/json")...)
			challenge := a.header.Get("WWW-Authenticate")
			if a.status != c.status || !strings.Contains(challenge, `error="`+c.code+`"`) || !strings.HasPrefix(challenge, metadata) {
				t.Errorf("%s %s: %d, challenge %q", method, c.name, a.status, challenge)
			}
			if !strings.Contains(a.body, `"error":"`+c.code+`"`) {
				t.Errorf("%s %s: body %q", method, c.name, a.body)
			}
		}
	}
	if a := r.post(t, "/sse", "x", initialize, "Authorization", "Bearer "+good); a.status != 400 {
		t.Errorf("a good one beside a bad one: %d", a.status)
	}
	if a := r.do(t, "POST", "/sse", initialize, "Content-Type", "application/json", "Authorization", "bEARER "+good); a.status != 200 {
		t.Errorf("scheme in another case: %d", a.status)
	}
	if strings.Contains(r.logs.String(), good) {
		t.Error("a token is in the log")
	}
}

func TestTokenInTheURLIsRefusedEvenBesideAGoodOne(t *testing.T) {
	r := newReplica(t, newSite(t))
	token := r.token(t, "alice")
	for _, a := range []answer{
		r.do(t, "POST", "/sse?access_token="+token, initialize, "Content-Type", "application/json"),
		r.post(t, "/sse?access_token="+token, token, initialize),
		r.do(t, "GET", "/sse?access_token="+token, ""),
	} {
		if a.status != 400 || !strings.Contains(a.body, "invalid_request") || strings.Contains(a.body, token) {
			t.Errorf("%d %q", a.status, a.body)
		}
	}
}

func TestOrigins(t *testing.T) {
	r := newReplica(t, newSite(t))
	token := r.token(t, "alice")
	for origin, allowed := range map[string]bool{
		"https://app.example.com":          true,
		"http://localhost":                 true,
		"http://localhost:6274":            true,
		"https://127.0.0.1:9":              true,
		"http://[::1]:65535":               true,
		"null":                             false,
		"":                                 false,
		"https://evil.example":             false,
		"https://app.example.com.evil.org": false,
		"https://app.example.com:444":      false,
		"http://app.example.com":           false,
		"http://localhost.evil.example":    false,
		"http://localhost:80@evil.example": false,
		"http://localhost:":                false,
		"http://localhost:123456":          false,
		"http://127.0.0.1.evil.example":    false,
		"file://localhost":                 false,
	} {
		for _, method := range []string{"OPTIONS", "GET", "POST"} {
			// Refused before the token is looked at: there is none.
			a := r.do(t, method, "/sse", "", "Origin", origin)
			want := map[string]int{"OPTIONS": 204, "GET": 401, "POST": 401}[method]
			if !allowed {
				want = 403
			}
			cors := a.header.Get("Access-Control-Allow-Origin")
			if a.status != want || (cors == origin) != allowed && origin != "" {
				t.Errorf("%s from %q: %d, allows %q", method, origin, a.status, cors)
			}
		}
	}
	if a := r.post(t, "/sse", token, initialize, "Origin", "http://localhost:1", "Origin", "http://localhost:2"); a.status != 403 {
		t.Errorf("two origins: %d", a.status)
	}
	a := r.post(t, "/sse", token, initialize, "Origin", "https://app.example.com")
	if a.status != 200 || a.header.Get("Vary") != "Origin" || !strings.Contains(a.header.Get("Access-Control-Expose-Headers"), "Mcp-Session-Id") {
		t.Errorf("allowed origin: %d %v", a.status, a.header)
	}
	strict := newReplica(t, newSite(t), func(e *sse.Endpoint) { e.LoopbackOrigins = false })
	if a := strict.do(t, "POST", "/sse", "", "Origin", "http://localhost:6274"); a.status != 403 {
		t.Errorf("loopback origin on a public site: %d", a.status)
	}
}

func TestPreflight(t *testing.T) {
	r := newReplica(t, newSite(t))
	a := r.do(t, "OPTIONS", "/sse", "", "Origin", "https://app.example.com", "Access-Control-Request-Method", "POST")
	for _, name := range strings.Split("Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Session-Id, Mcp-Method, Mcp-Name, Last-Event-ID", ", ") {
		if !strings.Contains(a.header.Get("Access-Control-Allow-Headers"), name) {
			t.Errorf("%s is not allowed", name)
		}
	}
	// The names of Mcp-Param-* are those of tools' arguments: what is asked for is
	// allowed, and nothing else, nor anything but a name.
	a = r.do(t, "OPTIONS", "/sse", "", "Origin", "https://app.example.com", "Access-Control-Request-Headers", "mcp-param-Region, x-evil,Mcp-Param-a b,Mcp-Param-, mcp-param-two")
	if allowed := a.header.Get("Access-Control-Allow-Headers"); !strings.HasSuffix(allowed, "Last-Event-ID, mcp-param-Region, mcp-param-two") {
		t.Errorf("allowed: %s", allowed)
	}
	if a := r.do(t, "OPTIONS", "/sse", ""); a.status != 204 || a.header.Get("Access-Control-Allow-Headers") != "" {
		t.Errorf("OPTIONS of no page: %d %v", a.status, a.header)
	}
}

func TestForeignHostIsMisdirected(t *testing.T) {
	r := newReplica(t, newSite(t))
	token := r.token(t, "alice")
	for _, method := range []string{"GET", "POST", "OPTIONS", "DELETE"} {
		a := r.do(t, method, "/sse", initialize, "Host", "evil.example", "Authorization", "Bearer "+token)
		if a.status != 421 {
			t.Errorf("%s: %d", method, a.status)
		}
	}
}

func TestMethods(t *testing.T) {
	r := newReplica(t, newSite(t))
	for _, method := range []string{"HEAD", "DELETE", "PUT", "PATCH", "TRACE"} {
		a := r.do(t, method, "/sse", "", "Authorization", "Bearer "+r.token(t, "alice"))
		if a.status != 405 || a.header.Get("Allow") != "GET, POST, OPTIONS" {
			t.Errorf("%s: %d, Allow %q", method, a.status, a.header.Get("Allow"))
		}
	}
	if a := r.do(t, "GET", "/sse/message", ""); a.status != 405 || a.header.Get("Allow") != "POST, OPTIONS" {
		t.Errorf("GET message: %d %q", a.status, a.header.Get("Allow"))
	}
	if a := r.do(t, "POST", "/sse/", initialize); a.status != http.StatusUnauthorized {
		t.Errorf("trailing slash: %d", a.status)
	}
}

// A panic in a handler would end the process, and every stream with it.
func TestPanicInAHandlerIsAnAnswer(t *testing.T) {
	boom := true
	r := newReplica(t, newSite(t), func(e *sse.Endpoint) {
		whole := e.Base
		e.Base = func(host []byte) (string, bool) {
			if boom {
				panic("boom")
			}
			return whole(host)
		}
	})
	a := r.do(t, "POST", "/sse", initialize)
	if a.status != 500 || !strings.Contains(a.body, "-32603") || strings.Contains(a.body, "boom") {
		t.Errorf("%d %q", a.status, a.body)
	}
	if !strings.Contains(r.logs.String(), "boom") {
		t.Error("the panic is not in the log")
	}
	boom = false
	if a := r.do(t, "POST", "/sse", initialize); a.status != 401 {
		t.Errorf("after the panic: %d", a.status)
	}
}
