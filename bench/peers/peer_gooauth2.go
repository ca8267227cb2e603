package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"net/http"

	"github.com/go-oauth2/oauth2/v4"
	"github.com/go-oauth2/oauth2/v4/generates"
	"github.com/go-oauth2/oauth2/v4/manage"
	"github.com/go-oauth2/oauth2/v4/models"
	"github.com/go-oauth2/oauth2/v4/server"
	"github.com/go-oauth2/oauth2/v4/store"
	"github.com/golang-jwt/jwt/v5"
)

// newGoOAuth2 is go-oauth2/oauth2 v4 with its own parts: memory store (buntdb),
// JWT access tokens with ES256, opaque refresh tokens. A request costs it a code
// look-up and removal, S256, the parsing of its PEM key, one ES256 signature and
// the storing of two tokens.
func newGoOAuth2(string) (peer, error) {
	key, err := newES256Key()
	if err != nil {
		return peer{}, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return peer{}, err
	}
	tokens, err := store.NewMemoryTokenStore()
	if err != nil {
		return peer{}, err
	}
	clients := store.NewClientStore()
	if err := clients.Set(benchClient, &models.Client{ID: benchClient, Domain: "http://127.0.0.1:33418", Public: true}); err != nil {
		return peer{}, err
	}
	manager := manage.NewDefaultManager()
	manager.SetAuthorizeCodeExp(codeTime)
	manager.MapTokenStorage(tokens)
	manager.MapClientStorage(clients)
	manager.MapAccessGenerate(generates.NewJWTAccessGenerate("bench",
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), jwt.SigningMethodES256))
	config := server.NewConfig()
	config.ForcePKCE = true
	srv := server.NewServer(config, manager)
	srv.SetClientInfoHandler(server.ClientFormHandler)

	return peer{
		handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			srv.HandleTokenRequest(w, r) //nolint:errcheck // it has answered
		}),
		prepare: func(n int) ([]string, error) {
			return repeat(n, func(i int) (string, error) {
				info, err := manager.GenerateAuthToken(context.Background(), oauth2.Code, &oauth2.TokenGenerateRequest{
					ClientID: benchClient, UserID: benchUser(i), RedirectURI: benchRedirect, Scope: "mcp:tools",
					CodeChallenge: benchChallenge(), CodeChallengeMethod: oauth2.CodeChallengeS256,
					Request: &http.Request{},
				})
				if err != nil {
					return "", err
				}
				return codeForm(benchClient, info.GetCode()), nil
			})
		},
	}, nil
}
