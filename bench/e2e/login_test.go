package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Someone points Cursor at the server of `make run`, by any name a loopback address has. The log is at its most
// talkative, and is searched for secrets all the same.
func TestCursorLogsInOverTheDevelopmentProvider(t *testing.T) {
	t.Parallel()
	server := startDevServer(t, "LOG_LEVEL=debug")
	names := []string{"localhost", "127.0.0.1"}
	if hasIPv6() {
		names = append(names, "[::1]")
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			a := newApp(fmt.Sprintf("http://%s:%d", name, server.port), "alice")
			a.login(t)
			for _, want := range []string{"Cursor", "localhost:8787"} {
				if !strings.Contains(a.consent.body, want) {
					t.Errorf("the consent page does not show %q", want)
				}
			}
			a.useTools(t)
			a.refresh(t)
			a.useTools(t)
		})
	}
}

// The same through a certified provider, in its several moods. The last one lists both methods of authentication and
// takes only the second from us: some providers choose it per application and say so nowhere.
func TestCursorLogsInOverOIDCProvider(t *testing.T) {
	t.Parallel()
	for name, env := range map[string][]string{
		"plain":                           nil,
		"PKCE required":                   {"PKCE=1"},
		"client_secret_post":              {"AUTHM=client_secret_post"},
		"client_secret_post, both listed": {"AUTHM=client_secret_post", "LISTED=client_secret_basic,client_secret_post"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newReplica(t, nil)
			server.env = append(server.env, startIdP(t, server.url(), env...)...)
			server.start(t)
			a := newApp(server.url(), "alice")
			a.login(t)
			a.useTools(t)
			a.refresh(t)
			a.useTools(t)
		})
	}
}

// A person who says no goes back to the client, which learns it. A person whom the operator does not let in is told so
// on a page, from which a link tells the client.
func TestDenialReachesTheClient(t *testing.T) {
	t.Parallel()
	server := startDevServer(t, "ALLOWED_EMAILS=alice@example.com")

	t.Run("by the user", func(t *testing.T) {
		a := newApp(server.url(), "alice")
		a.register(t)
		a.authorize(t)
		a.expectDenied(t, a.browser.submit(t, a.consent, "deny").location)
	})
	t.Run("by the operator", func(t *testing.T) {
		newApp(server.url(), "bob").expectShutOut(t)
	})
	t.Run("alice is let in", func(t *testing.T) {
		a := newApp(server.url(), "alice")
		a.login(t)
		a.useTools(t)
	})
}

// An e-mail address that the provider has not verified opens no door: bob's is such a one at oidc-provider.
func TestUnverifiedEmailIsNotLetIn(t *testing.T) {
	t.Parallel()
	server := newReplica(t, []string{"ALLOWED_EMAILS=alice@example.com,bob@example.com"})
	server.env = append(server.env, startIdP(t, server.url())...)
	server.start(t)
	newApp(server.url(), "bob").expectShutOut(t)
}

// expectShutOut logs in and wants to be refused after it, in words that name the account.
func (a *app) expectShutOut(t *testing.T) {
	t.Helper()
	for _, step := range a.steps()[:4] {
		step.do(t)
	}
	p := a.browser.open(t, a.callback.String())
	if p.status != http.StatusForbidden || !strings.Contains(p.text(), a.browser.user+"@example.com") {
		t.Errorf("a user who is not allowed sees %d: %s", p.status, p.text())
	}
	a.expectDenied(t, p.link(a.redirect))
}

// expectDenied checks that the client would learn that access was denied, and nothing else.
func (a *app) expectDenied(t *testing.T, back *url.URL) {
	t.Helper()
	if back == nil || !strings.HasPrefix(back.String(), a.redirect+"?") {
		t.Fatalf("no way back to the client")
	}
	answer := back.Query()
	if answer.Get("error") != "access_denied" || answer.Get("state") != a.state || answer.Get("iss") != a.base || answer.Has("code") {
		t.Errorf("the client is told error %q, iss %q, our state: %t, a code: %t",
			answer.Get("error"), answer.Get("iss"), answer.Get("state") == a.state, answer.Has("code"))
	}
}

// A code is good for the holder of the verifier, once; a forged callback is good for nothing.
func TestStolenPiecesAreWorthless(t *testing.T) {
	t.Parallel()
	server := startDevServer(t)
	a := newApp(server.url(), "alice")
	for _, step := range a.steps()[:4] {
		step.do(t)
	}
	thief := newBrowser("bob")
	if p := thief.open(t, a.callback.String()); p.status != http.StatusBadRequest || p.location != nil {
		t.Errorf("another browser gets %d for the callback of this one", p.status)
	}
	a.returnToClient(t)
	a.redeem(t)
	status, _, body := a.do(t, http.MethodPost, a.base+"/token", "application/x-www-form-urlencoded",
		"grant_type=authorization_code&code="+a.code+"&code_verifier="+a.verifier+"&redirect_uri="+a.redirect+"&client_id="+a.clientID)
	if status != http.StatusBadRequest || !strings.Contains(body, `"invalid_grant"`) {
		t.Errorf("the second use of a code answers %d: %s", status, body)
	}
}
