package bench

import (
	"net/url"
	"testing"

	"mcp-oauth-server/crypto/artifact"
)

// The example of RFC 7636 appendix B.
const (
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

const redirectURI = "http://localhost:8787/callback"

func (s *server) register(tb testing.TB) string {
	return seal(tb, artifact.NewSealer[artifact.ClientRegistration](s.vault).Seal, artifact.ClientRegistration{
		Name:         "Cursor",
		RedirectURIs: []string{"cursor://anysphere.cursor-mcp/oauth/callback", "https://www.cursor.com/agents/mcp/oauth/callback", redirectURI},
	})
}

// BenchmarkTokenCode redeems authorization codes: registration and code opened,
// PKCE checked, the code spent in the replay guard, access token (EdDSA) and
// refresh token minted. Every code is redeemed once, as in life.
func BenchmarkTokenCode(b *testing.B) {
	s := newServer(b, 0)
	clientID := s.register(b)
	codes := artifact.NewSealer[artifact.AuthorizationCode](s.vault)
	bodies := make([]string, 0, 1024)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%1024 == 0 {
			b.StopTimer()
			bodies = bodies[:0]
			for range 1024 {
				code := seal(b, codes.Seal, artifact.AuthorizationCode{
					User: subject, Client: artifact.DigestOf(clientID), RedirectURI: artifact.DigestOf(redirectURI),
					Challenge: challenge, Scope: "mcp:tools", Resource: serverURL + "/sse",
				})
				bodies = append(bodies, url.Values{
					"grant_type": {"authorization_code"}, "client_id": {clientID}, "code": {code},
					"redirect_uri": {redirectURI}, "code_verifier": {verifier}, "resource": {serverURL + "/sse"},
				}.Encode())
			}
			b.StartTimer()
		}
		s.post(b, "/token", "application/x-www-form-urlencoded", "", bodies[i%1024])
	}
}

// BenchmarkTokenRefresh refreshes: registration and refresh token opened, the
// next pair minted.
func BenchmarkTokenRefresh(b *testing.B) {
	s := newServer(b, 0)
	clientID := s.register(b)
	token := seal(b, artifact.NewSealer[artifact.RefreshToken](s.vault).Seal, artifact.RefreshToken{
		User: subject, Client: artifact.DigestOf(clientID), Scope: "mcp:tools", Resource: serverURL + "/sse", Family: artifact.NewID(),
	})
	body := url.Values{"grant_type": {"refresh_token"}, "client_id": {clientID}, "refresh_token": {token}}.Encode()
	b.ReportAllocs()
	for b.Loop() {
		s.post(b, "/token", "application/x-www-form-urlencoded", "", body)
	}
}
