package artifact_test

import (
	"strings"
	"testing"
	"time"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/crypto/jose"
)

const (
	site   = "https://mcp.example.com"
	secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8" // the bytes 0 to 31
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

var defaults = artifact.Lifetimes{
	Code:    time.Minute,
	Access:  10 * time.Minute,
	Idle:    168 * time.Hour,
	Session: 720 * time.Hour,
}

// clock is a clock that a test sets.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func newVault(t testing.TB, issuer string) (*artifact.Vault, *clock) {
	t.Helper()
	secrets, err := jose.ParseSecrets(secret)
	must(t, err)
	ring, err := jose.NewRing(issuer, secrets)
	must(t, err)
	c := &clock{noon}
	return &artifact.Vault{
		Ring: ring, Algorithm: jose.EdDSA, Lifetimes: defaults, Now: c.Now, Issuers: []string{issuer},
	}, c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// kind is one artifact as a test sees it: what is minted, and the two verbs.
type kind struct {
	name   string
	sample any
	mint   func(v *artifact.Vault) (string, error)
	redeem func(v *artifact.Vault, token string) (any, error)
	expire func(v *artifact.Vault, at int64) (string, error) // minted to end at a given time; nil when it never ends
	life   time.Duration                                     // zero when it never ends
	budget int                                               // characters, typical; zero when there is none
}

const (
	localhost   = "http://localhost:8080"
	clientState = "9f1c0c9a-6a7c-4a57-8d0d-9c7d0f5b1a11"
	challenge   = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" // RFC 7636 appendix B
)

var (
	clientID = strings.Repeat("c", 470)
	user     = artifact.User{Subject: string(artifact.DigestOf("https://idp.example.com\nalice"))}
	request  = artifact.AuthorizationRequest{
		Client: artifact.DigestOf(clientID), RedirectURI: "http://127.0.0.1:33418/oauth/callback", State: clientState,
		Challenge: challenge, Scope: "mcp:tools", Resource: site + "/sse",
	}
	cursor = artifact.ClientRegistration{Name: "Cursor", RedirectURIs: []string{
		"cursor://anysphere.cursor-mcp/oauth/callback",
		"https://www.cursor.com/agents/mcp/oauth/callback",
		"http://localhost:8787/callback",
	}}
	simple = artifact.ClientRegistration{Name: "Cursor", RedirectURIs: []string{"cursor://anysphere.cursor-mcp/oauth/callback"}}
	code   = artifact.AuthorizationCode{
		User: user, Client: request.Client, RedirectURI: artifact.DigestOf(request.RedirectURI),
		Challenge: challenge, Scope: "mcp:tools", Resource: site + "/sse",
	}
	accessToken = artifact.AccessToken{
		User: user, Issuer: site, Audience: site + "/sse", Client: request.Client, Scope: "mcp:tools", Family: "AAAAAAAAAAAAAAAA",
	}
	refreshToken = artifact.RefreshToken{
		User: user, Client: request.Client, Scope: "mcp:tools", Resource: site + "/sse", Family: "AAAAAAAAAAAAAAAA", Generation: 1,
	}
	ticket = artifact.ConsentTicket{AuthorizationRequest: request, ClientName: "Cursor", CSRF: artifact.DigestOf("csrf")}
	state  = artifact.UpstreamState{
		AuthorizationRequest: request, Flow: artifact.DigestOf("flow"), Secret: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
	}
	longState = artifact.LongState{State: strings.Repeat("s", 2048)}
	session   = artifact.Session{Subject: user.Subject, Client: request.Client, Protocol: "2025-11-25", Capabilities: "ers"}
	stream    = artifact.Stream{ID: "AAAAAAAAAAAAAAAA", Subject: user.Subject, Client: request.Client}
	// requestState is that of a call with one open question.
	requestState = artifact.RequestState{
		Subject: user.Subject, Client: request.Client, Method: "tools/call", Digest: challenge,
		Payload: []byte(`{"o":{"confirm":"` + string(request.Client) + `"}}`),
	}
)

// kinds is every artifact there is. A new one is added here and so comes under
// all tests of this package.
var kinds = []kind{
	{
		"ClientRegistration", simple, mint(simple), redeem[artifact.ClientRegistration], nil, 0, 480,
	},
	{
		"AuthorizationCode", code, mint(code), redeem[artifact.AuthorizationCode],
		func(v *artifact.Vault, at int64) (string, error) { c := code; c.Expires = at; return mint(c)(v) }, defaults.Code, 900,
	},
	{
		"AccessToken", accessToken, mint(accessToken), redeem[artifact.AccessToken],
		func(v *artifact.Vault, at int64) (string, error) { a := accessToken; a.Expires = at; return mint(a)(v) }, defaults.Access, 800,
	},
	{
		"RefreshToken", refreshToken, mint(refreshToken), redeem[artifact.RefreshToken],
		func(v *artifact.Vault, at int64) (string, error) {
			r := refreshToken
			r.FamilyExpires = at
			return mint(r)(v)
		}, defaults.Idle, 420,
	},
	{
		"ConsentTicket", ticket, mint(ticket), redeem[artifact.ConsentTicket],
		func(v *artifact.Vault, at int64) (string, error) { c := ticket; c.Expires = at; return mint(c)(v) }, artifact.LoginTime, 0,
	},
	{
		"UpstreamState", state, mint(state), redeem[artifact.UpstreamState],
		func(v *artifact.Vault, at int64) (string, error) { s := state; s.Expires = at; return mint(s)(v) }, artifact.LoginTime, 1500,
	},
	{
		"LongState", longState, mint(longState), redeem[artifact.LongState],
		func(v *artifact.Vault, at int64) (string, error) { s := longState; s.Expires = at; return mint(s)(v) }, artifact.LoginTime, 3900,
	},
	{
		"Session", session, mint(session), redeem[artifact.Session],
		func(v *artifact.Vault, at int64) (string, error) { s := session; s.Expires = at; return mint(s)(v) }, artifact.SessionLife, 400,
	},
	{
		"Stream", stream, mint(stream), redeem[artifact.Stream],
		func(v *artifact.Vault, at int64) (string, error) { s := stream; s.Expires = at; return mint(s)(v) }, artifact.SessionLife, 400,
	},
	{
		"RequestState", requestState, mint(requestState), redeem[artifact.RequestState],
		func(v *artifact.Vault, at int64) (string, error) {
			s := requestState
			s.Expires = at
			return mint(s)(v)
		}, artifact.RequestStateLife, 480,
	},
}

func mint[T artifact.Letter[T]](a T) func(v *artifact.Vault) (string, error) {
	return func(v *artifact.Vault) (string, error) { return artifact.NewSealer[T](v).Seal(a) }
}

func redeem[T artifact.Letter[T]](v *artifact.Vault, token string) (any, error) {
	return artifact.NewOpener[T](v).Open(token)
}
