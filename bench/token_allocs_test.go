//go:build !race

package bench

import (
	"net/url"
	"testing"

	"mcp-oauth-server/crypto/artifact"
)

// TestTokenAllocations holds the two grants to their budgets, from HTTP bytes to
// HTTP bytes; one allocation is the test client's. The race detector counts its
// own.
func TestTokenAllocations(t *testing.T) {
	s := newServer(t, 0)
	clientID := s.register(t)
	const runs = 200
	bodies := s.codeRequests(t, clientID, runs+1) // AllocsPerRun warms up once
	next := 0
	redeem := func() {
		s.post(t, "/token", formType, "", bodies[next])
		next++
	}
	// The form and its parameters, two encoded values, the payload of the code,
	// the two tokens.
	if n := testing.AllocsPerRun(runs, redeem); n > 8 {
		t.Errorf("a code: %v allocations, budget 8", n)
	}

	token := seal(t, artifact.NewSealer[artifact.RefreshToken](s.vault).Seal, artifact.RefreshToken{
		User: subject, Client: artifact.DigestOf(clientID), Scope: "mcp:tools", Resource: serverURL + "/sse", Family: artifact.NewID(),
	})
	body := url.Values{"grant_type": {"refresh_token"}, "client_id": {clientID}, "refresh_token": {token}}.Encode()
	if n := testing.AllocsPerRun(runs, func() { s.post(t, "/token", formType, "", body) }); n > 6 {
		t.Errorf("a refresh: %v allocations, budget 6", n)
	}
}
