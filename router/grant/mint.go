package grant

import (
	"fmt"
	"time"

	"mcp-oauth-server/crypto/artifact"
)

// tokens is the successful response of RFC 6749 §5.1.
type tokens struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"` // seconds
	Scope        string `json:"scope"`
	RefreshToken string `json:"refresh_token,omitzero"`
}

// mint issues the tokens of a grant. No token outlives the family, and the
// expires_in that is told is that of the token.
func (r Room) mint(g grant) (tokens, error) {
	now := r.Now()
	expires := now.Add(r.Lifetimes.Access)
	if expires.After(g.familyExpires) {
		expires = g.familyExpires
	}
	access, err := r.SealAccess.Seal(r.accessToken(g, expires))
	if err != nil {
		return tokens{}, fmt.Errorf("minting an access token: %w", err)
	}
	answer := tokens{
		AccessToken: access,
		TokenType:   "Bearer",
		ExpiresIn:   expires.Unix() - now.Unix(),
		Scope:       g.scope,
	}
	if g.noRefresh {
		return answer, nil
	}
	answer.RefreshToken, err = r.SealRefresh.Seal(g.refreshToken())
	if err != nil {
		return tokens{}, fmt.Errorf("minting a refresh token: %w", err)
	}
	return answer, nil
}

func (r Room) accessToken(g grant, expires time.Time) artifact.AccessToken {
	return artifact.AccessToken{
		User:     g.user,
		Issuer:   r.Site.Issuer(g.resource),
		Audience: g.resource,
		Client:   g.client,
		Scope:    g.scope,
		Family:   g.family,
		Expires:  expires.Unix(),
	}
}

func (g grant) refreshToken() artifact.RefreshToken {
	return artifact.RefreshToken{
		User:          g.user,
		Client:        g.client,
		Scope:         g.fullScope,
		Resource:      g.resource,
		Family:        g.family,
		Generation:    g.generation,
		FamilyExpires: g.familyExpires.Unix(),
	}
}
