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
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"
)

const maxCode = 8 << 10 // bytes of a provider's code; the longest in use are some 2 KB

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
	// Log hears of a provider that goes and comes back, and of profiles that could not be had; nil means no log. Refused
	// logins are the caller's to log: it has the error.
	Log *slog.Logger
}

// Provider is one identity provider as we see it. It is safe for concurrent use.
type Provider struct {
	config    Config
	client    *http.Client
	discovery document[metadata]
	keys      document[[]jose.JSONWebKey]
	authStyle atomic.Int32 // the oauth2.AuthStyle that worked last; 0 before that
}

// New checks the configuration and never contacts the provider, so that the server starts while the provider is down.
// An error names the OIDC_* setting at fault.
func New(config Config) (*Provider, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	if config.Timeout == 0 {
		config.Timeout = defaultTimeout
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	config.Scopes = slices.Clone(config.Scopes)
	if config.Issuer != "" && !slices.Contains(config.Scopes, "openid") {
		config.Scopes = append([]string{"openid"}, config.Scopes...)
	}
	p := &Provider{config: config, client: newClient(config.Timeout)}
	p.discovery = document[metadata]{name: "discovery", fetch: p.discover, now: config.Now, log: config.Log}
	p.keys = document[[]jose.JSONWebKey]{name: "signing keys", fetch: p.fetchKeys, now: config.Now, log: config.Log}
	return p, nil
}

// check says which setting makes the configuration unusable.
func (c Config) check() error {
	if c.ClientID == "" {
		return errors.New("OIDC_CLIENT_ID is empty: it is the id of our registration at the identity provider")
	}
	if c.Issuer == "" && (c.AuthURL == "" || c.TokenURL == "" || c.UserURL == "") {
		return errors.New("OIDC_ISSUER is empty: without it OIDC_AUTH_URL, OIDC_TOKEN_URL and OIDC_USER_URL are all needed")
	}
	for _, e := range []struct{ name, address string }{
		{"OIDC_ISSUER", c.Issuer}, {"OIDC_AUTH_URL", c.AuthURL}, {"OIDC_TOKEN_URL", c.TokenURL}, {"OIDC_USER_URL", c.UserURL}, {"OIDC_JWKS_URL", c.JWKSURL},
	} {
		if e.address == "" {
			continue
		}
		if err := checkEndpoint(e.address, c.Issuer == "" || loopbackHTTP(c.Issuer)); err != nil {
			return fmt.Errorf("%s is %w", e.name, err)
		}
	}
	if strings.Contains(c.Issuer, "?") {
		return errors.New("OIDC_ISSUER has a query: an issuer has none (OpenID Connect Discovery 1.0 §2)")
	}
	return nil
}

// Close lets go of idle connections. The provider stays usable.
func (p *Provider) Close() { p.client.CloseIdleConnections() }

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

// String and GoString keep the secrets of a flow out of logs.
func (Flow) String() string   { return "upstream.Flow(redacted)" }
func (Flow) GoString() string { return "upstream.Flow(redacted)" }

// AuthorizationURL says where to send the browser: response_type=code, PKCE S256, the nonce, and the state as given.
// It needs the provider's metadata and so may be [ErrUnavailable].
func (p *Provider) AuthorizationURL(ctx context.Context, flow Flow, state string) (string, error) {
	if err := flow.check(); err != nil {
		return "", err
	}
	m, err := p.metadata(ctx)
	if err != nil {
		return "", err
	}
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(flow.Verifier)}
	if p.config.Issuer != "" {
		options = append(options, oidc.Nonce(flow.Nonce))
	}
	return p.oauth2Config(m, flow).AuthCodeURL(state, options...), nil
}

// Exchange redeems the code of a callback and says who the user is. The error is [ErrUnavailable] or [ErrRefused]. In
// order: the response is for us and from this provider, the code is redeemed with the verifier of this login, the
// ID token is proven (or, with an OAuth 2.0 provider, userinfo asked), the profile is completed.
func (p *Provider) Exchange(ctx context.Context, flow Flow, response Response) (Identity, error) {
	if err := flow.check(); err != nil {
		return Identity{}, err
	}
	m, err := p.metadata(ctx)
	if err != nil {
		return Identity{}, err
	}
	if err := p.checkResponse(m, response); err != nil {
		return Identity{}, at("callback", err)
	}
	token, err := p.redeem(ctx, m, flow, response.Code)
	if err != nil {
		return Identity{}, at("token endpoint", err)
	}
	if p.config.Issuer == "" {
		return p.identify(ctx, m, token.AccessToken)
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return Identity{}, at("ID token", refused("the token endpoint sends none; OIDC_SCOPES needs openid, and the provider must speak OpenID Connect"))
	}
	claims, payload, err := p.verifyIDToken(ctx, raw, token.AccessToken, flow.Nonce)
	if err != nil {
		return Identity{}, at("ID token", err)
	}
	return p.complete(ctx, m, Identity{Issuer: claims.Issuer, Subject: claims.Subject}, payload, token.AccessToken), nil
}

// checkResponse applies RFC 9207 §2.4 before the code goes anywhere: a code that another provider issued must not be
// sent to this one, nor the other way round (the mix-up attack).
func (p *Provider) checkResponse(m metadata, response Response) error {
	switch {
	case response.Code == "" || len(response.Code) > maxCode:
		return refused("the code is missing or longer than %d bytes", maxCode)
	case p.config.Issuer == "":
		return nil // A provider without an issuer cannot be told from another by one.
	case response.Issuer == "" && m.issuerParameter:
		return refused("iss is missing, and this provider always sends it")
	case response.Issuer != "" && response.Issuer != p.config.Issuer:
		return refused("iss is not OIDC_ISSUER")
	}
	return nil
}

// check refuses a flow without its secrets: an empty nonce or verifier would compare equal to an absent one.
func (f Flow) check() error {
	if f.Nonce == "" || len(f.Verifier) < 43 || f.RedirectURI == "" {
		return refused("the login has no redirect URI, nonce or PKCE verifier")
	}
	return nil
}

func (p *Provider) oauth2Config(m metadata, flow Flow) *oauth2.Config {
	return &oauth2.Config{
		ClientID:     p.config.ClientID,
		ClientSecret: p.config.ClientSecret,
		Endpoint:     oauth2.Endpoint{AuthURL: m.authURL, TokenURL: m.tokenURL},
		RedirectURL:  flow.RedirectURI,
		Scopes:       p.config.Scopes,
	}
}
