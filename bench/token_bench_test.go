package bench

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

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

const formType = "application/x-www-form-urlencoded"

// codeRequests are requests that redeem n fresh codes.
func (s *server) codeRequests(tb testing.TB, clientID string, n int) []string {
	codes := artifact.NewSealer[artifact.AuthorizationCode](s.vault)
	bodies := make([]string, n)
	for i := range bodies {
		code := seal(tb, codes.Seal, artifact.AuthorizationCode{
			User: subject, Client: artifact.DigestOf(clientID), RedirectURI: artifact.DigestOf(redirectURI),
			Challenge: challenge, Scope: "mcp:tools", Resource: serverURL + "/sse",
		})
		bodies[i] = url.Values{
			"grant_type": {"authorization_code"}, "client_id": {clientID}, "code": {code},
			"redirect_uri": {redirectURI}, "code_verifier": {verifier}, "resource": {serverURL + "/sse"},
		}.Encode()
	}
	return bodies
}

// redeemAll sends fresh codes for as long as the benchmark runs.
func (s *server) redeemAll(b *testing.B) {
	clientID := s.register(b)
	var bodies []string
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%1024 == 0 {
			b.StopTimer()
			bodies = s.codeRequests(b, clientID, 1024)
			b.StartTimer()
		}
		s.post(b, "/token", formType, "", bodies[i%1024])
	}
}

// BenchmarkTokenCode redeems authorization codes: registration and code opened,
// PKCE checked, the code spent in the replay guard, access token (EdDSA) and
// refresh token minted. Every code is redeemed once, as in life.
func BenchmarkTokenCode(b *testing.B) { newServer(b, 0).redeemAll(b) }

// BenchmarkTokenFloor answers the same requests with one raw Ed25519 signature
// over 600 bytes and a body as long as ours, and does nothing else: it opens,
// checks and remembers nothing.
func BenchmarkTokenFloor(b *testing.B) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	const accessToken, refreshToken = 760, 400 // characters, as ours
	access := strings.Repeat("a", accessToken-base64.RawURLEncoding.EncodedLen(ed25519.SignatureSize))
	refresh := strings.Repeat("r", refreshToken)
	serve(b, newVault(b), func(ctx *fasthttp.RequestCtx) {
		form := ctx.PostArgs()
		for _, name := range []string{"grant_type", "client_id", "code", "code_verifier", "redirect_uri"} {
			if len(form.Peek(name)) == 0 {
				ctx.Error("missing "+name, fasthttp.StatusBadRequest)
				return
			}
		}
		message := append(make([]byte, 0, 600), form.Peek("code")...)
		signature := ed25519.Sign(key, message[:min(600, len(message))])
		ctx.SetContentType("application/json")
		ctx.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
		body := append([]byte(`{"access_token":"`), access...)
		body = base64.RawURLEncoding.AppendEncode(body, signature)
		body = append(body, `","token_type":"Bearer","expires_in":600,"scope":"mcp:tools","refresh_token":"`...)
		body = append(body, refresh...)
		ctx.SetBody(append(body, `"}`...))
	}).redeemAll(b)
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
		s.post(b, "/token", formType, "", body)
	}
}
