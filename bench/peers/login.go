package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strconv"
	"time"
)

// What all token servers have in common: one public client, PKCE with S256, a
// code for each of many users.
const (
	benchClient   = "bench-client"
	benchRedirect = "http://127.0.0.1:33418/callback"
	benchVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	// codeTime is how long a peer's codes live; ours keep the 60 s of the product.
	codeTime = 10 * time.Minute
)

// benchChallenge is the S256 challenge of benchVerifier (RFC 7636 §4.2).
func benchChallenge() string {
	sum := sha256.Sum256([]byte(benchVerifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// benchUser names the i-th user.
func benchUser(i int) string { return "user-" + strconv.Itoa(i) }

// codeForm is the body of a token request (RFC 6749 §4.1.3).
func codeForm(clientID, code string) string {
	return url.Values{
		"grant_type":    {"authorization_code"},
		"client_id":     {clientID},
		"code":          {code},
		"code_verifier": {benchVerifier},
		"redirect_uri":  {benchRedirect},
	}.Encode()
}

// repeat collects what make returns for 0 to n-1.
func repeat(n int, make func(i int) (string, error)) ([]string, error) {
	var all []string
	for i := range n {
		s, err := make(i)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

func newES256Key() (*ecdsa.PrivateKey, error) {
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}
