package main

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/compose"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/storage"
	"github.com/ory/fosite/token/jwt"
)

// newFosite is ory/fosite 0.49 with its own memory store, JWT access tokens with
// ES256 and HMAC refresh tokens. A request costs it the HMAC of the code, look-ups
// of client, code and PKCE session, S256, one ES256 signature, one HMAC and the
// storing of two tokens.
func newFosite(string) (peer, error) {
	key, err := newES256Key()
	if err != nil {
		return peer{}, err
	}
	secret := make([]byte, 32)
	rand.Read(secret) // never fails: crypto/rand ends the process instead
	config := &fosite.Config{
		GlobalSecret:          secret,
		AuthorizeCodeLifespan: codeTime,
		EnforcePKCE:           true,
		RefreshTokenScopes:    []string{}, // every login gets a refresh token
		AccessTokenIssuer:     "http://127.0.0.1",
	}
	memory := storage.NewMemoryStore()
	memory.Clients[benchClient] = &fosite.DefaultClient{
		ID: benchClient, Public: true, RedirectURIs: []string{benchRedirect},
		ResponseTypes: []string{"code"}, GrantTypes: []string{"authorization_code", "refresh_token"},
		Scopes: []string{"mcp:tools"},
	}
	provider := compose.Compose(config, memory,
		&compose.CommonStrategy{CoreStrategy: compose.NewOAuth2JWTStrategy(
			func(context.Context) (any, error) { return key, nil }, compose.NewOAuth2HMACStrategy(config), config)},
		compose.OAuth2AuthorizeExplicitFactory, compose.OAuth2RefreshTokenGrantFactory, compose.OAuth2PKCEFactory)

	return peer{
		handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fositeToken(provider, w, r) }),
		prepare: func(n int) ([]string, error) {
			return repeat(n, func(i int) (string, error) { return fositeCode(provider, benchUser(i)) })
		},
	}, nil
}

func fositeToken(provider fosite.OAuth2Provider, w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	request, err := provider.NewAccessRequest(ctx, r, new(oauth2.JWTSession))
	if err != nil {
		provider.WriteAccessError(ctx, w, request, err)
		return
	}
	response, err := provider.NewAccessResponse(ctx, request)
	if err != nil {
		provider.WriteAccessError(ctx, w, request, err)
		return
	}
	provider.WriteAccessResponse(ctx, w, request, response)
}

// fositeCode goes through its authorization endpoint.
func fositeCode(provider fosite.OAuth2Provider, user string) (string, error) {
	query := url.Values{
		"response_type": {"code"}, "client_id": {benchClient}, "redirect_uri": {benchRedirect},
		"scope": {"mcp:tools"}, "state": {"0123456789abcdef"},
		"code_challenge": {benchChallenge()}, "code_challenge_method": {"S256"},
	}
	r, err := http.NewRequest(http.MethodGet, "http://127.0.0.1/authorize?"+query.Encode(), nil)
	if err != nil {
		return "", err
	}
	ctx := r.Context()
	request, err := provider.NewAuthorizeRequest(ctx, r)
	if err != nil {
		return "", err
	}
	request.GrantScope("mcp:tools")
	response, err := provider.NewAuthorizeResponse(ctx, request, &oauth2.JWTSession{
		JWTClaims: &jwt.JWTClaims{Subject: user, Audience: []string{"http://127.0.0.1/sse"}, IssuedAt: time.Now()},
		JWTHeader: &jwt.Headers{}, Subject: user, Username: user,
	})
	if err != nil {
		return "", err
	}
	return codeForm(benchClient, response.GetCode()), nil
}
