package grant

import (
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/router/oauth"
)

// tokens is the successful response of RFC 6749 §5.1.
type tokens struct {
	access    string
	expiresIn int64 // seconds
	scope     string
	refresh   string // empty if there is none
}

// write answers with the tokens, put straight into the buffer of the response.
// Sealed artifacts have no character that JSON escapes.
func (t tokens) write(ctx *fasthttp.RequestCtx) {
	oauth.BeginJSON(ctx, fasthttp.StatusOK)
	var room [256]byte
	middle := append(room[:0], `","token_type":"Bearer","expires_in":`...)
	middle = strconv.AppendInt(middle, t.expiresIn, 10)
	middle = append(middle, `,"scope":`...)
	middle, err := jsontext.AppendQuote(middle, t.scope)
	if err != nil {
		panic("grant: encoding a scope: " + err.Error()) // artifacts hold valid UTF-8 only
	}
	ctx.Response.AppendBodyString(`{"access_token":"`)
	ctx.Response.AppendBodyString(t.access)
	ctx.Response.AppendBody(middle)
	if t.refresh != "" {
		ctx.Response.AppendBodyString(`,"refresh_token":"`)
		ctx.Response.AppendBodyString(t.refresh)
		ctx.Response.AppendBodyString(`"`)
	}
	ctx.Response.AppendBodyString(`}`)
}

// mint issues the tokens of a grant. No token outlives the family, and the
// expires_in that is told is that of the token.
func (r *Room) mint(g grant) (tokens, error) {
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
		access:    access,
		expiresIn: expires.Unix() - now.Unix(),
		scope:     g.scope,
	}
	if g.noRefresh {
		return answer, nil
	}
	answer.refresh, err = r.SealRefresh.Seal(g.refreshToken())
	if err != nil {
		return tokens{}, fmt.Errorf("minting a refresh token: %w", err)
	}
	return answer, nil
}

func (r *Room) accessToken(g grant, expires time.Time) artifact.AccessToken {
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
