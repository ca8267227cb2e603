// Package bearer is the guard at the door of the MCP endpoint: it turns the
// Authorization header of a request into the [Principal] it speaks for, or into
// a [Refusal] that says what to answer.
//
// A token is read from exactly one place, the Authorization header (RFC 6750
// §2.1); never from a query, a body or a cookie. It is judged in this order:
//
//  1. one header, scheme Bearer, one space, the characters of a token68: 400
//     invalid_request;
//  2. opened with this server's own keys, so genuine and not expired: 401
//     invalid_token;
//  3. meant for this resource (audience): 401 invalid_token;
//  4. good for what the endpoint does (scope): 403 insufficient_scope.
//
// What passed is remembered in a bounded cache, because opening costs hundreds
// of times more than looking up. The cache is no state: dropping it changes
// nothing but the time of the next check.
//
// This package mints nothing and asks nobody over a network.
package bearer

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"mcp-oauth-server/crypto/artifact"
)

// Principal is whom a request speaks for, as proven by its access token. It is
// shared by all requests with the same token: nobody may change it.
type Principal struct {
	// Subject is the user: stable and unique over all identity providers.
	Subject string
	// ClientID is the digest of the OAuth client's id.
	ClientID artifact.Digest
	// Scope is that of the access token: names with spaces between them.
	Scope string
	// Email and Name are empty unless the operator has tokens carry them.
	Email, Name string
	// Expires is the first moment at which the token is no longer good.
	Expires time.Time
}

// Checker decides who may pass. The fields are set once, before the first
// Check; Check may then be called from many goroutines.
type Checker struct {
	// Open is the right to redeem access tokens. REQUIRED.
	Open artifact.Opener[artifact.AccessToken]
	// Audiences are the spellings of this resource, one of which a token must
	// name. None means that no token is good. REQUIRED.
	Audiences []string
	// Scope is the one scope a token must carry, mcp:tools. REQUIRED.
	Scope string
	// CacheSize is how many verified tokens are remembered, at about 1.2 KiB
	// each; 0 means DefaultCacheSize, a negative number means none.
	CacheSize int

	cache      Cache[*Principal]
	generation atomic.Uint64 // counts flushes
}

// Check returns whom the request speaks for. headers are the values of all its
// Authorization headers; they are not kept. now is the time of the request, by the
// clock of the vault behind Open. Either the principal or the refusal is nil.
func (c *Checker) Check(headers [][]byte, now time.Time) (*Principal, *Refusal) {
	token, refusal := credentials(headers)
	if refusal != nil {
		return nil, refusal
	}
	// From here on a token was presented: its fate is told by an error code.
	// A hit equals a token whose shape was checked, so that is left for later.
	//
	// The generation is read before the keys are: what is opened with a ring that
	// is replaced meanwhile must not be found after Flush.
	generation := c.Generation()
	if p, ok := c.cache.Get(token, generation, now); ok {
		return p, nil
	}
	if refusal := misshapen(token); refusal != nil {
		return nil, refusal
	}
	text := string(token) // the HTTP server reuses its buffer
	p, refusal := c.open(text)
	if refusal == nil {
		c.cache.Put(text, p, p.Expires, generation, now, cmp.Or(c.CacheSize, DefaultCacheSize))
	}
	return p, refusal
}

// notOurs says nothing about what is wrong with a token: that is for its maker.
var notOurs = invalidToken("the access token is not one of this server")

// Flush forgets all verified tokens. It is called when the key ring or the
// list of denied users changes.
func (c *Checker) Flush() {
	c.generation.Add(1) // first, so that nothing which was opened before is found after
	c.cache.clear()
}

// Generation counts the flushes. Whoever keeps what was opened with the same keys
// keeps it for one generation.
func (c *Checker) Generation() uint64 { return c.generation.Load() }

// open is the costly part of Check.
func (c *Checker) open(token string) (*Principal, *Refusal) {
	t, err := c.Open.Open(token)
	switch {
	case errors.Is(err, artifact.ErrExpired):
		return nil, invalidToken("the access token has expired")
	case err != nil:
		return nil, notOurs
	case !slices.Contains(c.Audiences, t.Audience):
		return nil, invalidToken("the access token is meant for another resource")
	}
	if !slices.Contains(strings.Fields(t.Scope), c.Scope) {
		return nil, &Refusal{Forbidden, "insufficient_scope", "the access token lacks the scope " + c.Scope}
	}
	return &Principal{
		Subject:  t.Subject,
		ClientID: t.Client,
		Scope:    t.Scope,
		Email:    t.Email,
		Name:     t.Name,
		Expires:  time.Unix(t.Expires, 0),
	}, nil
}

// scheme is the authentication scheme (RFC 6750 §2.1); schemes are compared
// without regard to case (RFC 9110 §11.1).
var scheme = []byte("Bearer")

var (
	malformedHeader = malformed("the Authorization header must be: Bearer, one space, the token")
	manyHeaders     = malformed("more than one Authorization header")
)

// credentials cuts the token out of the Authorization header. Two headers, or
// two joined by a comma on the way, could be read differently by a proxy and by
// us, so they are refused whatever they hold. The token is not looked at here.
func credentials(headers [][]byte) ([]byte, *Refusal) {
	if len(headers) == 0 {
		return nil, unauthenticated
	}
	if len(headers) > 1 {
		return nil, manyHeaders
	}
	name, token, _ := bytes.Cut(headers[0], []byte(" "))
	switch {
	case bytes.EqualFold(name, scheme):
		return token, nil
	case bytes.IndexByte(headers[0], ',') >= 0:
		return nil, manyHeaders
	case len(name) == 0:
		return nil, malformed("the Authorization header is empty")
	case isToken68(name):
		return nil, unauthenticated // RFC 6750 §3.1: an unsupported scheme gets no error code
	}
	return nil, malformedHeader
}

// misshapen refuses what no server issues, before anything is opened.
func misshapen(token []byte) *Refusal {
	switch {
	case bytes.IndexByte(token, ',') >= 0:
		return manyHeaders
	case len(token) > artifact.MaxAccessToken:
		return notOurs
	case !isToken68(token):
		return malformedHeader
	}
	return nil
}

// token68 is the alphabet of RFC 9110 §11.2, but for the padding.
var token68 = func() (in [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/") {
		in[c] = true
	}
	return in
}()

// isToken68 checks the alphabet.
func isToken68(b []byte) bool {
	body := bytes.TrimRight(b, "=")
	for _, c := range body {
		if !token68[c] {
			return false
		}
	}
	return len(body) > 0
}
