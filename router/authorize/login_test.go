package authorize_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/router/authorize"
)

// TestLogin tells the whole story, on this computer and on a public address.
func TestLogin(t *testing.T) {
	for _, serverURL := range []string{local, public} {
		for _, uri := range []string{webURI, appURI, "http://127.0.0.1:49152/callback"} {
			t.Run(serverURL+" "+uri, func(t *testing.T) {
				h := newHouse(t, serverURL)
				b := h.browser()
				q := h.request("redirect_uri="+uri, "resource="+serverURL+"/mcp", "scope=mcp:tools offline_access other")

				p := b.login(q)
				got := p.answered(t, uri)
				if p.StatusCode != http.StatusFound || got.Get("state") != "xyz" || got.Get("iss") != serverURL || got.Has("error") {
					t.Fatalf("status %d, %v", p.StatusCode, got)
				}
				code := h.code(got.Get("code"))
				want := artifact.AuthorizationCode{
					User:   artifact.User{Subject: code.Subject},
					Client: artifact.DigestOf(q.Get("client_id")), RedirectURI: artifact.DigestOf(uri), Challenge: challenge,
					Scope: "mcp:tools", Resource: serverURL + "/mcp",
				}
				if code.Client != want.Client || code.RedirectURI != want.RedirectURI || code.Challenge != want.Challenge ||
					code.Scope != want.Scope || code.Resource != want.Resource || code.User != want.User || code.Subject == "" {
					t.Errorf("the code holds %#v", struct{ C, R, P, O, A string }{string(code.Client), string(code.RedirectURI), code.Challenge, code.Scope, code.Resource})
				}
				if len(got.Get("code")) > 900 {
					t.Errorf("the code has %d characters", len(got.Get("code")))
				}
			})
		}
	}
}

func TestTheResourceIsSSEUnlessAsked(t *testing.T) {
	h := newHouse(t, public)
	got := h.browser().login(h.request()).answered(t, webURI)
	if code := h.code(got.Get("code")); code.Resource != public+"/sse" {
		t.Errorf("resource %q", code.Resource)
	}
}

// TestHostFollows: on this computer the host name is the one the user typed, in
// the issuer, the resource and the callback.
func TestHostFollows(t *testing.T) {
	for _, base := range []string{"http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080"} {
		h := newHouse(t, local)
		b := h.browser()
		b.base = base
		upstreamURL, err := url.Parse(b.approve(h.request()))
		must(t, err)
		if got := upstreamURL.Query().Get("redirect_uri"); got != base+"/callback" {
			t.Errorf("redirect_uri %q", got)
		}
		got := b.get(b.signIn(upstreamURL.String())).answered(t, webURI)
		if got.Get("iss") != base || h.code(got.Get("code")).Resource != base+"/sse" {
			t.Errorf("%s: iss %q", base, got.Get("iss"))
		}
	}
	h := newHouse(t, local)
	b := h.browser()
	b.base = "http://evil.example:8080"
	b.get("/authorize?"+h.request().Encode()).isFault(t, http.StatusMisdirectedRequest, "does not answer to that name")
	b.get("/callback?state=x").isFault(t, http.StatusMisdirectedRequest, "does not answer to that name")
	b.answer("approve", "x").isFault(t, http.StatusMisdirectedRequest, "does not answer to that name")
}

// TestParallelLogins: two tabs, each with a login, finished in the other order.
func TestParallelLogins(t *testing.T) {
	h := newHouse(t, public)
	b := h.browser()
	first, second := b.authorize(h.request("state=first")), b.authorize(h.request("state=second"))
	toFirst := b.answer("approve", first).Header.Get("Location")
	toSecond := b.answer("approve", second).Header.Get("Location")
	for state, provider := range map[string]string{"second": toSecond, "first": toFirst} {
		got := b.get(b.signIn(provider)).answered(t, webURI)
		if got.Get("state") != state || got.Get("code") == "" {
			t.Errorf("%s: %v", state, got)
		}
	}
	if len(b.jar) != 1 {
		t.Errorf("cookies left: %v", b.jar)
	}
}

// TestClientState: whatever a client puts into its state comes back as it was,
// on a code and on an error, however it travels in between.
func TestClientState(t *testing.T) {
	h := newHouse(t, public)
	for _, state := range []string{
		"", "x", "a|b|c", "a+b c%20d&e=f#g", `"><script>alert(1)</script>`, "日本語 🎈", strings.Repeat("s", 600),
		strings.Repeat("s", 2048), strings.Repeat("+/", 1024), strings.Repeat("é", 1024), strings.Repeat("\\\"", 500),
	} {
		b := h.browser()
		provider := b.approve(h.request("state=" + state))
		sealed, err := url.Parse(provider)
		must(t, err)
		inner := sealed.Query().Get("state")
		if len(inner) > artifact.MaxState || strings.Trim(inner, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") != "" {
			t.Errorf("state for the provider: %d characters %q", len(inner), inner)
		}
		for _, c := range b.jar {
			if size := len(c.Name) + len(c.Value) + 1; size > 4096 {
				t.Errorf("cookie of %d bytes", size)
			}
		}
		got := b.get(b.signIn(provider)).answered(t, webURI)
		if got.Get("state") != state || got.Has("state") != (state != "") || got.Get("code") == "" {
			t.Errorf("sent %q, got %q", state, got.Get("state"))
		}
	}
}

// TestStateTooLongOnceSealed: 2,048 quotes are 4,096 bytes of JSON and fit no
// cookie. The client is told, and no login begins.
func TestStateTooLongOnceSealed(t *testing.T) {
	h := newHouse(t, public)
	b := h.browser()
	p := b.answer("approve", b.authorize(h.request("state="+strings.Repeat(`"`, 2048))))
	p.isRefusal(t, h, webURI, "invalid_request", "")
	if len(b.jar) != 1 {
		t.Errorf("cookies %v", b.jar)
	}
}

// TestUpstreamRequest: the provider sees our parameters, once each, and nothing
// that a client sent (D25).
func TestUpstreamRequest(t *testing.T) {
	h := newHouse(t, public)
	q := h.request("login_hint=x&client_id=evil", "ui_locales=de", "id_token_hint=x", "nonce=mine", "prompt=consent", "max_age=0", "audience=x", "acr_values=x", "claims={}")
	location, err := url.Parse(h.browser().approve(q))
	must(t, err)
	got := location.Query()
	for name, want := range map[string]string{
		"client_id": h.provider.ClientID, "redirect_uri": public + "/callback", "response_type": "code", "code_challenge_method": "S256", "scope": "openid email",
	} {
		if len(got[name]) != 1 || got.Get(name) != want {
			t.Errorf("%s = %q, want %q", name, got[name], want)
		}
		delete(got, name)
	}
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if len(got[name]) != 1 || len(got.Get(name)) < 43 {
			t.Errorf("%s = %q", name, got[name])
		}
		delete(got, name)
	}
	if len(got) != 0 {
		t.Errorf("forwarded as well: %v", got)
	}
}

// TestSizes holds the headers to what front ends take, and the state to its
// budget.
func TestSizes(t *testing.T) {
	h := newHouse(t, public)
	b := h.browser()
	approved := b.answer("approve", b.authorize(h.request("state="+strings.Repeat("s", 600))))
	if size := headerSize(approved); size > 3584 {
		t.Errorf("the header of the approval has %d bytes", size)
	}
	for _, state := range []string{"xyz", strings.Repeat("s", 2000)} {
		b := h.browser()
		if size := headerSize(b.login(h.request("state=" + state))); size > 3584 {
			t.Errorf("the header of the callback has %d bytes", size)
		}
	}
}

func headerSize(p page) (size int) {
	for name, values := range p.Header {
		for _, v := range values {
			size += len(name) + len(v) + 4
		}
	}
	return size
}

// TestClaims: tokens carry of a profile only what the operator wants.
func TestClaims(t *testing.T) {
	for _, c := range []authorize.Claims{{}, {Email: true}, {Name: true}, {Email: true, Name: true}} {
		h := newHouse(t, public)
		h.room.Claims = c
		user := h.code(h.browser().login(h.request()).answered(t, webURI).Get("code")).User
		if (user.Email != "") != c.Email || (user.Name != "") != c.Name {
			t.Errorf("%+v: %+v", c, user)
		}
	}
}

// TestSecretsStayOutOfLogs does a login, a denied one and a failed one, and looks
// for everything secret in what was logged.
func TestSecretsStayOutOfLogs(t *testing.T) {
	h := newHouse(t, public)
	b := h.browser()
	ticket := b.authorize(h.request("state=secret-state-of-the-client"))
	secrets := []string{ticket, "secret-state-of-the-client", challenge}
	provider := b.answer("approve", ticket).Header.Get("Location")
	callback := b.signIn(provider)
	for _, raw := range []string{provider, callback} {
		u, err := url.Parse(raw)
		must(t, err)
		for _, name := range []string{"state", "code", "nonce", "code_challenge"} {
			if v := u.Query().Get(name); v != "" {
				secrets = append(secrets, v)
			}
		}
	}
	for _, c := range b.jar {
		secrets = append(secrets, c.Value)
	}
	secrets = append(secrets, b.get(callback).answered(t, webURI).Get("code"))
	b.get(callback)
	h.room.Policy = authorize.Policy{}
	b.login(h.request())

	logs := h.logs.String()
	for _, s := range secrets {
		if strings.Contains(logs, s) {
			t.Errorf("logged: %s", s)
		}
	}
	for _, event := range []string{"event=consent", "event=login", "decision=allow", "decision=deny", "event=login_stopped"} {
		if !strings.Contains(logs, event) {
			t.Errorf("%s is not logged:\n%s", event, logs)
		}
	}
	if n := strings.Count(logs, "event=login "); n != 2 {
		t.Errorf("two logins were logged %d times", n)
	}
	fmt.Fprintln(t.Output(), logs)
}
