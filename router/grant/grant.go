package grant

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"time"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/router/client"
	"mcp-oauth-server/router/oauth"
)

// grant is what a code or a refresh token stands for, once it is proved to be
// the caller's. Minting knows no more than this.
type grant struct {
	user     artifact.User
	client   artifact.Digest
	resource string

	scope      string // of the access token
	fullScope  string // of the grant; what the next refresh token keeps
	family     string
	generation int // of the next refresh token
	// familyExpires is the absolute end of the family.
	familyExpires time.Time
	noRefresh     bool

	codeID      string    // to be spent; empty for a refresh
	codeExpires time.Time // of the code
}

// open redeems the code or the refresh token of a request.
func (r *Room) open(req request, c client.Client) (grant, error) {
	if req.grantType == grantCode {
		return r.openCode(req, c)
	}
	return r.openRefresh(req, c)
}

// openCode checks, in this order:
//
//   - the code opens and has not expired;
//   - it was given to this client: another one's code is a stolen or injected one;
//   - redirect_uri, if sent, is the one of the authorization request. It may be
//     left out only because PKCE, which proves the same and more, may not;
//   - the PKCE verifier fits the challenge (RFC 7636 §4.6).
func (r *Room) openCode(req request, c client.Client) (grant, error) {
	code, err := r.OpenCode.Open(req.code)
	switch {
	case errors.Is(err, artifact.ErrExpired):
		return grant{}, invalidGrant("the authorization code has expired")
	case err != nil:
		return grant{}, invalidGrant("the authorization code is not valid here")
	case !sameDigest(code.Client, c.ID):
		return grant{}, invalidGrant("the authorization code was given to another client")
	case req.redirectURI != "" && !code.RedirectURI.Matches(req.redirectURI):
		return grant{}, invalidGrant("redirect_uri is not the one of the authorization request")
	case !challengeMatches(code.Challenge, req.verifier):
		return grant{}, invalidGrant("code_verifier does not fit the code_challenge")
	}
	return grant{
		user:     code.User,
		client:   code.Client,
		resource: code.Resource,
		// The scope was decided with the user; a scope parameter here is of no
		// effect (RFC 6749 §4.1.3 has none).
		scope:     code.Scope,
		fullScope: code.Scope,
		// The family bears the code's id, so that whoever learns of a replayed
		// code knows which tokens came from it.
		family:        code.ID,
		generation:    1,
		familyExpires: r.Now().Add(r.Lifetimes.Session),
		noRefresh:     code.NoRefresh || c.NoRefresh,
		codeID:        code.ID,
		codeExpires:   time.Unix(code.Expires, 0),
	}, nil
}

// openRefresh checks that the refresh token opens, that neither its idle time
// nor its family's time is over, and that it was given to this client. The scope
// may be narrowed and never widened (RFC 6749 §6).
func (r *Room) openRefresh(req request, c client.Client) (grant, error) {
	token, err := r.OpenRefresh.Open(req.refreshToken)
	switch {
	case errors.Is(err, artifact.ErrExpired):
		return grant{}, invalidGrant("the login has expired: it was not used for too long or reached its maximum age; log in again")
	case err != nil:
		return grant{}, invalidGrant("the refresh token is not valid here; log in again")
	case !sameDigest(token.Client, c.ID):
		return grant{}, invalidGrant("the refresh token was given to another client")
	}
	return grant{
		user:          token.User,
		client:        token.Client,
		resource:      token.Resource,
		scope:         oauth.GrantScope(req.scope, token.Scope),
		fullScope:     token.Scope,
		family:        token.Family,
		generation:    token.Generation + 1,
		familyExpires: time.Unix(token.FamilyExpires, 0),
		noRefresh:     c.NoRefresh,
	}, nil
}

// challengeMatches is the S256 of RFC 7636 §4.6.
func challengeMatches(challenge, verifier string) bool {
	var room [maxVerifier]byte // every verifier fits, so nothing is allocated
	var computed [43]byte
	sum := sha256.Sum256(append(room[:0], verifier...))
	base64.RawURLEncoding.Encode(computed[:], sum[:])
	return subtle.ConstantTimeCompare(computed[:], []byte(challenge)) == 1
}

func sameDigest(a, b artifact.Digest) bool {
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

func invalidGrant(description string) error {
	return oauth.NewError(oauth.InvalidGrant, description)
}
