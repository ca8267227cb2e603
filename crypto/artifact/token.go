package artifact

import (
	"slices"
	"time"

	"mcp-oauth-server/crypto/jose"
)

// AccessToken is a JWT of RFC 9068 inside the seal: minted by /token, redeemed
// by the bearer check of /sse. Opening checks the issuer; redeeming must check
// the audience and the scope.
//
// client_id is the digest of the real one: the real one is a sealed
// registration of several hundred characters.
//
// Size: at most 800 characters.
type AccessToken struct {
	redacted
	User
	Issuer   string `json:"iss"`
	Audience string `json:"aud"`
	Client   Digest `json:"client_id"`
	Scope    string `json:"scope"`
	ID       string `json:"jti"`
	// Family names the login that all tokens refreshed from it share.
	Family   string `json:"sid"`
	IssuedAt int64  `json:"iat"`
	// Expires as in every artifact: zero when sealing means the lifetime, an
	// earlier time is kept. Unix seconds.
	Expires int64 `json:"exp"`
}

// MaxAccessToken is the longest bearer that is looked at, in characters.
const MaxAccessToken = 4096

func (AccessToken) profile(v *Vault) jose.Profile {
	return jose.Profile{Kind: "access", Type: "at+jwt", Sign: v.Algorithm, Days: days(v.Lifetimes.Access), Max: MaxAccessToken}
}

func (t AccessToken) stamped(v *Vault, now time.Time) AccessToken {
	s := stamp{Expires: t.Expires}.stampedFor(v.Lifetimes.Access, now)
	t.IssuedAt, t.Expires = s.IssuedAt, s.Expires
	return t
}

func (t AccessToken) members(w *wire) AccessToken {
	t.User.members(w)
	w.text("iss", &t.Issuer)
	w.text("aud", &t.Audience)
	w.digest("client_id", &t.Client)
	w.text("scope", &t.Scope)
	w.id("jti", &t.ID)
	w.text("sid", &t.Family)
	w.number("iat", &t.IssuedAt)
	w.number("exp", &t.Expires)
	return t
}

func (t AccessToken) check(v *Vault, now time.Time) error {
	if !slices.Contains(v.Issuers, t.Issuer) || t.Subject == "" {
		return ErrInvalid
	}
	return stamp{Version: version, IssuedAt: t.IssuedAt, Expires: t.Expires}.alive(now)
}

// RefreshToken is minted and redeemed by /token. Each use mints the next one
// (rotation); FamilyExpires never moves later, so no family outlives SESSION_TTL.
// Redeeming must check the client and the resource.
//
// Size: at most 420 characters.
type RefreshToken struct {
	redacted
	stamp // Expires is the idle limit
	User
	Client        Digest `json:"c"` // of the client_id
	Scope         string `json:"o"`
	Resource      string `json:"a"`
	Family        string `json:"f"`
	Generation    int    `json:"g"`
	FamilyExpires int64  `json:"x"` // Unix seconds
}

func (RefreshToken) profile(v *Vault) jose.Profile {
	return jose.Profile{Kind: "refresh", Type: "mcp-refresh", Days: days(v.Lifetimes.Idle), Max: 4096}
}

func (t RefreshToken) stamped(v *Vault, now time.Time) RefreshToken {
	// A shortened SESSION_TTL also holds for families that began before.
	if end := now.Add(v.Lifetimes.Session).Unix(); t.FamilyExpires == 0 || t.FamilyExpires > end {
		t.FamilyExpires = end
	}
	t.Expires = t.FamilyExpires
	t.stamp = t.stampedFor(v.Lifetimes.Idle, now)
	return t
}

func (t RefreshToken) members(w *wire) RefreshToken {
	t.stamp.members(w)
	t.User.members(w)
	w.digest("c", &t.Client)
	w.text("o", &t.Scope)
	w.text("a", &t.Resource)
	w.text("f", &t.Family)
	w.count("g", &t.Generation)
	w.number("x", &t.FamilyExpires)
	return t
}

func (t RefreshToken) check(_ *Vault, now time.Time) error {
	if t.FamilyExpires <= now.Unix() {
		return ErrExpired
	}
	return t.alive(now)
}
