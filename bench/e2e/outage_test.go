package e2e

import (
	"fmt"
	"testing"
	"time"
)

// The identity provider is down when the server starts, comes up, and goes down in the middle of a login. The server
// is ready all along, says what is wrong to the client that waits, and lets those who are logged in go on.
func TestProviderComesAndGoes(t *testing.T) {
	t.Parallel()
	server := newReplica(t, nil)
	provider := newIdP(t, server.url())
	server.env = append(server.env, provider.settings()...)
	server.start(t)

	a := newApp(server.url(), "alice")
	a.register(t)
	a.authorize(t)
	a.approve(t)
	a.expectUnavailable(t, a.toProvider)

	provider.start(t)
	// A failed discovery is remembered for a short while, so that a provider that is down costs little.
	eventually(t, 10*time.Second, "a login is sent to the provider that is up again", func() error {
		a.authorize(t)
		if a.approve(t); a.toProvider.location.Query().Has("error") {
			return fmt.Errorf("error %q", a.toProvider.location.Query().Get("error"))
		}
		return nil
	})
	a.signIn(t)
	a.returnToClient(t)
	a.redeem(t)

	b := newApp(server.url(), "bob")
	for _, step := range b.steps()[:4] {
		step.do(t)
	}
	provider.kill()
	b.expectUnavailable(t, b.browser.open(t, b.callback.String()))
	a.useTools(t)
	a.refresh(t)
	a.useTools(t)
}

// expectUnavailable wants the client to be told that it may try again later.
func (a *app) expectUnavailable(t *testing.T, p *page) {
	t.Helper()
	if p.location == nil {
		t.Fatalf("%d, and no redirect: %s", p.status, p.text())
	}
	answer := p.location.Query()
	if answer.Get("error") != "temporarily_unavailable" || answer.Get("state") != a.state || answer.Get("iss") != a.base {
		t.Errorf("the client is told error %q, iss %q, our state: %t", answer.Get("error"), answer.Get("iss"), answer.Get("state") == a.state)
	}
}
