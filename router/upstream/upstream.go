// Package upstream is the shelf that speaks to the identity provider: it is an OpenID Connect relying party
// (OpenID Connect Core 1.0, code flow with PKCE) and nothing else.
//
// What comes in: the configuration of one provider, and per login a [Flow] (redirect URI, nonce, PKCE verifier) that the
// caller keeps sealed while the browser is away. What goes out: the URL to send the browser to, and after the callback an
// [Identity] or an error that is either [ErrUnavailable] (try again later) or [ErrRefused] (the answer does not prove
// who the user is).
//
// Where things are decided:
//
//	upstream.go   the interface: Config, Provider, Flow, Response, Identity
//	errors.go     the two kinds of failure, and what may be said about them
//	http.go       the only HTTP client: timeout, body cap, no redirects, cap on concurrent calls
//	cache.go      a remote document: fetched lazily, once at a time, the last good one kept
//	metadata.go   discovery and the overrides that stand in for it
//	keys.go       the provider's signing keys
//	token.go      the code is exchanged, with the client authentication the provider wants
//	idtoken.go    the ID token is verified: the one place, every check listed
//	userinfo.go   the profile, and the identity of providers that only speak OAuth 2.0
//
// What it must not do: decide who may log in (that is policy, and the caller's), keep anything about a user, follow a
// redirect, or say a code, a token, a secret or a byte of the provider's answer in an error or a log.
package upstream

import (
	"context"
	"log/slog"
	"time"
)

// Config describes the one identity provider. Its fields are the settings OIDC_*.
type Config struct {
	// Issuer is the provider's issuer identifier, compared exactly (a trailing slash counts); https, or http on a
	// loopback host. With it an ID token is required and verified, whatever is overridden below. Empty means the
	// provider only speaks OAuth 2.0: then AuthURL, TokenURL and UserURL are all required.
	Issuer string
	// ClientID is our registration at the provider. REQUIRED.
	ClientID string
	// ClientSecret is the secret of that registration; empty for a public client.
	ClientSecret string
	// Scopes are asked for as they are. With Issuer, "openid" is added when it is missing.
	Scopes []string
	// AuthURL, TokenURL, UserURL and JWKSURL replace what discovery says. With Issuer, AuthURL, TokenURL and JWKSURL all
	// set, discovery is not done at all.
	AuthURL, TokenURL, UserURL, JWKSURL string
	// Timeout bounds each call to the provider; 0 means 5 seconds.
	Timeout time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log hears of refused answers and of a provider that goes and comes back; nil means no log.
	Log *slog.Logger
}

// Provider is one identity provider as we see it. It is safe for concurrent use.
type Provider struct {
	config Config
}

// New checks the configuration and never contacts the provider, so that the server starts while the provider is down.
// An error names the OIDC_* setting at fault.
func New(config Config) (*Provider, error) { return &Provider{config: config}, nil }

// Flow is what one login keeps while the browser is at the provider. Nonce and Verifier are secrets: the caller seals
// them.
type Flow struct {
	// RedirectURI is our callback, the same in the authorization and the token request (RFC 6749 §4.1.3).
	RedirectURI string
	// Nonce comes back inside the ID token (OpenID Connect Core §3.1.2.1). At least 128 random bits.
	Nonce string
	// Verifier is the PKCE code verifier (RFC 7636 §4.1), 43 to 128 characters.
	Verifier string
}

// Response is what the callback carries besides the state.
type Response struct {
	// Code is the provider's authorization code, as received.
	Code string
	// Issuer is the iss parameter of RFC 9207 as received, empty when there is none.
	Issuer string
}

// Identity is who logged in.
type Identity struct {
	// Issuer and Subject together name the user, for ever. Issuer is Config.Issuer, or the token URL of a provider that
	// only speaks OAuth 2.0. Subject has 1 to 255 bytes.
	Issuer, Subject string
	// Email is not an identity: it changes hands. Rely on it only with EmailVerified. At most 254 bytes.
	Email string
	// EmailVerified is true only when the provider says so.
	EmailVerified bool
	// Name is for people to read; at most 128 characters, no control characters.
	Name string
}

// AuthorizationURL says where to send the browser: response_type=code, PKCE S256, the nonce, and the state as given.
// It needs the provider's metadata and so may be [ErrUnavailable].
func (p *Provider) AuthorizationURL(ctx context.Context, flow Flow, state string) (string, error) {
	return "", ErrUnavailable
}

// Exchange redeems the code of a callback and says who the user is. The error is [ErrUnavailable] or [ErrRefused].
func (p *Provider) Exchange(ctx context.Context, flow Flow, response Response) (Identity, error) {
	return Identity{}, ErrUnavailable
}
