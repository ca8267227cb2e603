package main

import (
	"fmt"
	"net/netip"

	"mcp-oauth-server/crypto/jose"
)

// oursToken is the product's token endpoint.
func oursToken(l *lab) (*target, error) {
	o, err := l.startOurs()
	if err != nil {
		return nil, err
	}
	return &target{process: o.process, prepare: o.forms}, nil
}

// rawToken gets the forms of the product, so that it parses as much.
func rawToken(l *lab) (*target, error) {
	t, err := goPeer("raw-signature")(l)
	if err != nil {
		return nil, err
	}
	forger := new(ours)
	if err := forger.mintFor("http://127.0.0.1:8080", jose.NewSecret()); err != nil {
		return nil, err
	}
	return &target{process: t.process, prepare: forger.forms}, nil
}

// The names of the contestants, as musts refer to them.
const (
	nameOurs     = "ours"
	nameRaw      = "raw Ed25519 signature"
	nameGoOAuth2 = "go-oauth2 v4.5.4"
	nameFosite   = "ory/fosite 0.49"
	nameProvider = "oidc-provider 9.13.3"
	nameZitadel  = "zitadel/oidc op 3.51, storage of its example"
	nameZitadel2 = "zitadel/oidc op 3.51, codes in a map"
)

const zitadelWork = "decrypt the code (AES), request from a map, S256; sign an ES256 JWT and an ES256 ID token (it has no flow without one), store token and refresh token"

// tokenContestants are the servers of POST /token and what one request costs
// each. All of them get one-time codes of many users, a public client and PKCE
// S256, and issue a signed JWT access token and a refresh token.
var tokenContestants = []contestant{
	{nameOurs, "open client_id and code (AES-GCM + HMAC each), S256, replay guard; sign EdDSA and encrypt the access token, encrypt the refresh token", "/token", oursToken},
	{nameRaw, "the same form, one Ed25519 signature, an answer as long; no other cryptography, no check", "/token", rawToken},
	{nameGoOAuth2, "code from a memory store and out of it, S256; sign an ES256 JWT, store it and an opaque refresh token; codes and tokens are random", "/token", goPeer("go-oauth2")},
	{nameFosite, "HMAC of the code, code and PKCE session from a memory store, S256; sign an ES256 JWT, HMAC refresh token, store both", "/token", goPeer("fosite")},
	{nameProvider, "client, grant and code from a Map, S256; sign an ES256 JWT, store it and an opaque refresh token; one core of Node.js", "/token", nodePeer("oidc-provider")},
	{nameZitadel, zitadelWork + "; the storage of its example searches all codes to delete one", "/oauth/token", goPeer("zitadel")},
	{nameZitadel2, zitadelWork + "; a code is deleted by its key", "/oauth/token", goPeer("zitadel-map")},
}

// tokens compares POST /token.
func (l *lab) tokens() ([]*measures, error) {
	return l.contest(course{
		contestants: tokenContestants,
		requests:    tokenRequests,
		once:        true,
		expect:      `"access_token"`,
	})
}

func tokenRequests(t *target, n int) ([]request, error) {
	forms, err := t.prepare(n)
	if err != nil {
		return nil, err
	}
	all := make([]request, len(forms))
	for i, form := range forms {
		all[i] = request{post(t.addr, t.path, "application/x-www-form-urlencoded", "", form), 200}
	}
	return all, nil
}

// post is an HTTP/1.1 request as the client sends it.
func post(addr netip.AddrPort, path, contentType, headers, body string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %v\r\nContent-Type: %s\r\n%sContent-Length: %d\r\n\r\n%s",
		path, addr, contentType, headers, len(body), body)
}
