package e2e

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"mcp-oauth-server/router/upstream/upstreamtest"
)

// The person who approves and the person who signs in sit at one browser, or nothing happens: not even a call to the
// provider, which would use up its code.
func TestLoginIsBoundToOneBrowser(t *testing.T) {
	t.Parallel()
	g, idp := attackBehind(t)
	foreign, _ := attackBehind(t) // another deployment, with keys of its own

	refused := func(t *testing.T, b *browser, target string, status int) {
		t.Helper()
		calls := idp.Hits(upstreamtest.Token)
		p := b.open(t, target)
		g.wantPage(t, reply{p.status, p.header, p.body}, status)
		if now := idp.Hits(upstreamtest.Token); now != calls {
			t.Errorf("the provider was asked to redeem a code")
		}
	}
	begun := func(t *testing.T) *app { // consented and signed in, not yet back
		t.Helper()
		a := g.app("user")
		for _, step := range a.steps()[:4] {
			step.do(t)
		}
		return a
	}

	t.Run("the attacker consents, the victim opens the provider's address", func(t *testing.T) {
		attacker, victim := g.app("user"), g.app("user")
		attacker.register(t)
		attacker.authorize(t)
		attacker.approve(t)
		callback := victim.browser.signIn(t, attacker.toProvider, g.base+"/callback")
		refused(t, victim.browser, callback.String(), http.StatusBadRequest)
	})
	t.Run("the same with a victim who is logging in elsewhere", func(t *testing.T) {
		attacker, victim := begun(t), begun(t)
		refused(t, victim.browser, attacker.callback.String(), http.StatusBadRequest)
		victim.returnToClient(t) // and the victim's own login still works
		victim.redeem(t)
	})
	t.Run("the right name of a cookie, and another value", func(t *testing.T) {
		a, b := begun(t), begun(t)
		name, own, _ := strings.Cut(cookieHeader(a.toProvider.cookies), "=")
		_, other, _ := strings.Cut(cookieHeader(b.toProvider.cookies), "=")
		calls := idp.Hits(upstreamtest.Token)
		for _, value := range []string{other, strings.Repeat("A", 43), "", own[:42], own + "A", own + ".", own + "." + other, own + "; " + name + "=" + other} {
			g.wantPage(t, g.get(t, a.callback.RequestURI(), "Cookie", name+"="+value), http.StatusBadRequest)
		}
		if idp.Hits(upstreamtest.Token) != calls {
			t.Error("the provider was asked to redeem a code")
		}
		a.returnToClient(t)
	})
	t.Run("the victim's code in the attacker's login", func(t *testing.T) {
		attacker, victim := begun(t), begun(t)
		q := attacker.callback.Query()
		q.Set("code", victim.callback.Query().Get("code"))
		p := attacker.browser.open(t, g.base+"/callback?"+q.Encode())
		g.wantRedirect(t, attacker, reply{p.status, p.header, p.body}, "server_error") // nonce and PKCE do not fit
	})
	t.Run("states that are not ours", func(t *testing.T) {
		a, other := begun(t), foreign.app("user")
		other.login(t)
		seed := base64.StdEncoding.EncodeToString([]byte(a.clientID + "|https://evil.example/cb|x|challenge|S256"))
		for name, state := range map[string]string{
			"none": "", "garbage": "x", "readable": seed, "readable, base64url": base64.RawURLEncoding.EncodeToString([]byte(seed)),
			"unsigned JWT": "eyJhbGciOiJub25lIn0.e30.", "of another deployment": other.callback.Query().Get("state"),
		} {
			t.Run(name, func(t *testing.T) {
				q := a.callback.Query()
				q.Set("state", state)
				refused(t, a.browser, g.base+"/callback?"+q.Encode(), http.StatusBadRequest)
				q.Set("error", "access_denied") // the error path is no way around
				q.Del("code")
				refused(t, a.browser, g.base+"/callback?"+q.Encode(), http.StatusBadRequest)
			})
		}
		a.returnToClient(t)
	})
	t.Run("malformed callbacks", func(t *testing.T) {
		a := begun(t)
		raw := a.callback.RawQuery
		for name, query := range map[string]string{
			"two codes": raw + "&code=x", "two states": raw + "&state=x", "two iss": raw + "&iss=x&iss=y", "bad escape": raw + "&x=%zz",
			"NUL": raw + "&x=%00", "semicolon": raw + ";x=1", "overlong UTF-8": raw + "&x=%c0%af",
		} {
			t.Run(name, func(t *testing.T) { refused(t, a.browser, g.base+"/callback?"+query, http.StatusBadRequest) })
		}
		a.returnToClient(t)
	})
	t.Run("the back button", func(t *testing.T) {
		a := begun(t)
		a.returnToClient(t)
		refused(t, a.browser, a.callback.String(), http.StatusBadRequest)
	})
	t.Run("the callback again, with the cookie restored", func(t *testing.T) {
		a := begun(t)
		cookie := cookieHeader(a.toProvider.cookies)
		a.returnToClient(t)
		r := g.get(t, "/callback?"+a.callback.RawQuery, "Cookie", cookie)
		if r.hasCode() {
			t.Error("a second code for one login at the provider")
		}
		g.wantRedirect(t, a, r, "server_error")
	})
	t.Run("an issuer that is not the provider", func(t *testing.T) {
		a, calls := begun(t), idp.Hits(upstreamtest.Token)
		q := a.callback.Query()
		q.Set("iss", "https://evil.example")
		p := a.browser.open(t, g.base+"/callback?"+q.Encode())
		g.wantRedirect(t, a, reply{p.status, p.header, p.body}, "server_error")
		if idp.Hits(upstreamtest.Token) != calls {
			t.Error("the code of a mixed-up provider was sent to ours")
		}
	})
	t.Run("code and error at once", func(t *testing.T) {
		a := begun(t)
		p := a.browser.open(t, a.callback.String()+"&error=access_denied&error_description=%3Cscript%3Ealert(1)%3C/script%3E%0D%0AX:%20y")
		g.wantRedirect(t, a, reply{p.status, p.header, p.body}, "access_denied")
		if strings.Contains(p.header.Get("Location"), "alert") {
			t.Error("the provider's own words reach the client")
		}
	})
	t.Run("errors of the provider reach the client in its own words", func(t *testing.T) {
		for upstream, want := range map[string]string{
			"access_denied": "access_denied", "login_required": "login_required", "temporarily_unavailable": "temporarily_unavailable",
			"invalid_scope": "server_error", "%22%3E%3Cscript%3E": "server_error", "": "server_error",
		} {
			a := begun(t)
			p := a.browser.open(t, g.base+"/callback?state="+a.callback.Query().Get("state")+"&error="+upstream)
			g.wantRedirect(t, a, reply{p.status, p.header, p.body}, want)
		}
	})
	t.Run("a provider that posts its answer", func(t *testing.T) {
		a := begun(t)
		// SameSite=Lax: the browser sends no cookie with a cross-site POST.
		r := g.form(t, "/callback", a.callback.RawQuery, "Origin", "null")
		if r.status != http.StatusSeeOther || !strings.HasPrefix(r.header.Get("Location"), g.base+"/callback?") {
			t.Fatalf("POST /callback answers %d, Location %.60q", r.status, r.header.Get("Location"))
		}
		a.callback, _ = url.Parse(r.header.Get("Location"))
		a.returnToClient(t)
		g.wantPage(t, g.form(t, "/callback", "state=a&state=b"), http.StatusBadRequest)
		g.wantPage(t, g.form(t, "/callback", "state="+strings.Repeat("a", 15<<10)), http.StatusBadRequest)
		g.wantPage(t, g.tell(t, http.MethodPost, "/callback", `{"state":"a"}`, "Content-Type", "application/json"), http.StatusBadRequest)
	})
}

// The decision on the consent page is one browser's own, about the question it was asked.
func TestConsentIsTheUsersOwn(t *testing.T) {
	t.Parallel()
	g, _ := attackBehind(t)
	asked := func(t *testing.T) *app {
		t.Helper()
		a := g.app("user")
		a.register(t)
		a.authorize(t)
		return a
	}
	answer := func(t *testing.T, a *app, changes ...string) string {
		t.Helper()
		return change(url.Values{"ticket": {a.fillTicket(t)}, "action": {"approve"}}, changes...)
	}

	a := asked(t)
	csrf := cookieHeader(a.consent.cookies)
	other := cookieHeader(asked(t).consent.cookies)
	name, value, _ := strings.Cut(csrf, "=")
	_, strange, _ := strings.Cut(other, "=")
	for _, test := range []struct {
		name    string
		body    string
		headers []string
		status  int
	}{
		{"no cookie", answer(t, a), nil, 403},
		{"another browser's cookie", answer(t, a), []string{"Cookie", other}, 403},
		{"an empty cookie", answer(t, a), []string{"Cookie", name + "="}, 403},
		{"two cookies of that name", answer(t, a), []string{"Cookie", name + "=" + value + "; " + name + "=" + strange}, 403},
		{"from another site", answer(t, a), []string{"Cookie", csrf, "Origin", "https://evil.example"}, 403},
		{"from a sandbox", answer(t, a), []string{"Cookie", csrf, "Origin", "null"}, 403},
		{"from another port", answer(t, a), []string{"Cookie", csrf, "Origin", "http://localhost:1"}, 403},
		{"two origins", answer(t, a), []string{"Cookie", csrf, "Origin", g.base, "Origin", "https://evil.example"}, 403},
		{"the browser says cross-site", answer(t, a), []string{"Cookie", csrf, "Sec-Fetch-Site", "cross-site"}, 403},
		{"the browser says same-site", answer(t, a), []string{"Cookie", csrf, "Sec-Fetch-Site", "same-site"}, 403},
		{"no ticket", answer(t, a, "ticket", "-"), []string{"Cookie", csrf}, 400},
		{"two tickets", answer(t, a) + "&ticket=x", []string{"Cookie", csrf}, 400},
		{"no decision", answer(t, a, "action", "-"), []string{"Cookie", csrf}, 400},
		{"another decision", answer(t, a, "action", "Approve"), []string{"Cookie", csrf}, 400},
		{"both decisions", answer(t, a) + "&action=deny", []string{"Cookie", csrf}, 400},
		{"100 KB", answer(t, a) + "&x=" + strings.Repeat("a", 100<<10), []string{"Cookie", csrf}, 400},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := g.form(t, "/consent", test.body, test.headers...)
			g.wantPage(t, r, test.status)
			if strings.Contains(strings.Join(r.header.Values("Set-Cookie"), ""), "mcp-flow-") {
				t.Error("a refused decision sets a flow cookie")
			}
		})
	}
	t.Run("JSON", func(t *testing.T) {
		g.wantPage(t, g.tell(t, http.MethodPost, "/consent", answer(t, a), "Content-Type", "text/plain", "Cookie", csrf), 400)
	})
	t.Run("in the query", func(t *testing.T) {
		g.wantPage(t, g.form(t, "/consent?"+answer(t, a), "x=1", "Cookie", csrf), 400)
		for _, method := range []string{"GET", "PUT", "DELETE", "OPTIONS"} {
			if r := g.tell(t, method, "/consent?"+answer(t, a), "", "Cookie", csrf); r.status != http.StatusMethodNotAllowed {
				t.Errorf("%s /consent answers %d", method, r.status)
			}
		}
	})
	t.Run("fields that were changed in the form are not read", func(t *testing.T) {
		a := asked(t)
		fields := a.browser.fill(t, a.consent.form, "approve")
		for name, value := range map[string]string{"redirect_uri": "https://evil.example/cb", "scope": "admin", "client_id": "x", "resource": "https://evil.example"} {
			fields.Set(name, value)
		}
		a.toProvider = a.browser.post(t, g.base+"/consent", fields, a.consent.url)
		a.signIn(t)
		a.returnToClient(t) // to its own redirect URI
		a.redeem(t)         // with the scope of the page
	})
	t.Run("approved twice", func(t *testing.T) {
		a := asked(t)
		a.approve(t)
		first := a.toProvider
		a.approve(t)
		if first.location.Query().Get("state") == a.toProvider.location.Query().Get("state") {
			t.Error("two approvals share a state")
		}
		a.signIn(t)
		a.returnToClient(t)
		a.redeem(t)
	})
	t.Run("denied", func(t *testing.T) {
		a := asked(t)
		p := a.browser.submit(t, a.consent, "deny")
		g.wantRedirect(t, a, reply{p.status, p.header, p.body}, "access_denied")
		if p.status != http.StatusSeeOther {
			t.Errorf("status %d, want 303", p.status)
		}
	})
}

// Cookies are what binds a login to a browser: what they may be sent with, when they come, and how many there are.
func TestCookiesOfALogin(t *testing.T) {
	t.Parallel()
	g, _ := attackBehind(t)

	t.Run("attributes", func(t *testing.T) {
		a := g.app("user")
		a.register(t)
		a.authorize(t)
		for _, c := range a.consent.cookies {
			if strings.HasPrefix(c.Name, "mcp-flow-") {
				t.Error("a flow cookie before the approval proves nothing")
			}
		}
		a.approve(t)
		for _, c := range append(a.consent.cookies, a.toProvider.cookies...) {
			if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge <= 0 || c.MaxAge > 600 {
				t.Errorf("cookie %s: %+v", c.Name, c)
			}
		}
		if names := cookieHeader(a.toProvider.cookies); !strings.HasPrefix(names, "mcp-flow-") {
			t.Errorf("the approval sets the cookies %.20q", names)
		}
	})
	t.Run("tabs in parallel", func(t *testing.T) {
		shared := g.app("user")
		shared.register(t)
		tabs := make([]*app, 4)
		for i := range tabs {
			tabs[i] = g.app("user")
			tabs[i].clientID, tabs[i].browser = shared.clientID, shared.browser
			tabs[i].authorize(t)
		}
		for i := range tabs {
			tabs[len(tabs)-1-i].approve(t)
		}
		for _, tab := range tabs {
			tab.signIn(t)
			tab.returnToClient(t)
			tab.redeem(t)
		}
	})
	t.Run("sixty tabs", func(t *testing.T) {
		a := g.app("user")
		a.register(t)
		own, _ := url.Parse(g.base)
		for i := range 60 {
			a.authorize(t)
			a.approve(t)
			if flows := len(a.browser.jar.Cookies(own)); flows > 6 {
				t.Fatalf("after %d logins the browser has %d cookies", i+1, flows)
			}
		}
		a.signIn(t)
		a.returnToClient(t)
		a.redeem(t)
	})
	t.Run("planted", func(t *testing.T) {
		a := g.app("user")
		a.register(t)
		a.authorizePath(t)
		r := g.get(t, a.authorizePath(t), "Cookie", "mcp-csrf=short; other=1")
		if set := r.header.Get("Set-Cookie"); !strings.HasPrefix(set, "mcp-csrf=") || strings.HasPrefix(set, "mcp-csrf=short") {
			t.Errorf("a planted value is taken for a secret: %.20q", set)
		}
		two := fmt.Sprintf("mcp-csrf=%s; mcp-csrf=%s", strings.Repeat("a", 43), strings.Repeat("b", 43))
		g.wantPage(t, g.get(t, a.authorizePath(t), "Cookie", two), http.StatusBadRequest)
	})
}
