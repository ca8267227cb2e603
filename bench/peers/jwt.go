package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// identity is what a bearer check of a peer finds out.
type identity struct {
	subject string
	scopes  []string
	expires time.Time
}

// check turns a bearer token into an identity.
type check func(token string) (identity, error)

var errToken = errors.New("unknown token")

// withJWT gives an MCP server the check of a JWS with golang-jwt: EdDSA, issuer,
// audience and expiry. It is not encrypted, which ours is.
func withJWT(build func(base string, c check) (peer, error)) func(string) (peer, error) {
	return func(base string) (peer, error) {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return peer{}, err
		}
		p, err := build(base, jwtCheck(base, public))
		p.prepare = func(n int) ([]string, error) {
			return repeat(n, func(i int) (string, error) { return jwtFor(base, benchUser(i), private) })
		}
		return p, err
	}
}

type jwtClaims struct {
	jwt.RegisteredClaims
	Client string `json:"client_id"`
	Scope  string `json:"scope"`
}

func jwtFor(base, user string, key ed25519.PrivateKey) (string, error) {
	now := time.Now()
	return jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwtClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: base, Subject: user, Audience: jwt.ClaimStrings{base + "/mcp"}, ID: rand.Text(),
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(24 * time.Hour)),
		},
		Client: benchClient, Scope: "mcp:tools",
	}).SignedString(key)
}

func jwtCheck(base string, key ed25519.PublicKey) check {
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithIssuer(base),
		jwt.WithAudience(base+"/mcp"), jwt.WithExpirationRequired())
	return func(token string) (identity, error) {
		var claims jwtClaims
		_, err := parser.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return key, nil })
		if err != nil {
			return identity{}, err
		}
		return identity{claims.Subject, []string{claims.Scope}, claims.ExpiresAt.Time}, nil
	}
}

// withMap gives an MCP server the cheapest check there is: a look-up in a map
// that is never written while it is read.
func withMap(build func(base string, c check) (peer, error)) func(string) (peer, error) {
	return func(base string) (peer, error) {
		tokens := make(map[string]identity)
		p, err := build(base, func(token string) (identity, error) {
			if id, ok := tokens[token]; ok {
				return id, nil
			}
			return identity{}, errToken
		})
		p.prepare = func(n int) ([]string, error) {
			return repeat(n, func(i int) (string, error) {
				random := make([]byte, 32)
				rand.Read(random) // never fails: crypto/rand ends the process instead
				token := base64.RawURLEncoding.EncodeToString(random)
				tokens[token] = identity{benchUser(i), []string{"mcp:tools"}, time.Now().Add(24 * time.Hour)}
				return token, nil
			})
		}
		return p, err
	}
}
