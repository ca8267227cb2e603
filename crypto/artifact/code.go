package artifact

import (
	"time"

	"mcp-oauth-server/crypto/jose"
)

// User is who logged in. Email and Name are empty unless the operator has the
// tokens carry them (TOKEN_CLAIMS).
type User struct {
	// Subject is stable and unique over all providers: a digest of the
	// provider's issuer and its sub. It is never a client (RFC 9068 §5).
	Subject string `json:"sub"`
	Email   string `json:"email,omitempty"`
	Name    string `json:"name,omitempty"`
}

func (u *User) members(w *wire) {
	w.text("sub", &u.Subject)
	w.optional("email", &u.Email)
	w.optional("name", &u.Name)
}

// AuthorizationCode is minted by /callback and redeemed by /token. Redeeming
// must check, before it is spent: the client, the redirect URI, the PKCE
// verifier and the resource; and then spend ID in the replay guard.
//
// Size: at most 900 characters.
type AuthorizationCode struct {
	redacted
	stamp
	User
	ID          string `json:"jti"`
	Client      Digest `json:"c"` // of the client_id
	RedirectURI Digest `json:"r"`
	Challenge   string `json:"p"`
	Scope       string `json:"o"`
	Resource    string `json:"a"`
	NoRefresh   bool   `json:"nr,omitzero"`
}

func (AuthorizationCode) profile(v *Vault) jose.Profile {
	return jose.Profile{Kind: "code", Type: "mcp-code", Sign: jose.HS256, Days: days(v.Lifetimes.Code), Max: 4096}
}

func (c AuthorizationCode) stamped(v *Vault, now time.Time) AuthorizationCode {
	c.stamp = c.stampedFor(v.Lifetimes.Code, now)
	return c
}

func (c AuthorizationCode) members(w *wire) AuthorizationCode {
	c.stamp.members(w)
	c.User.members(w)
	w.id("jti", &c.ID)
	w.digest("c", &c.Client)
	w.digest("r", &c.RedirectURI)
	w.text("p", &c.Challenge)
	w.text("o", &c.Scope)
	w.text("a", &c.Resource)
	w.flag("nr", &c.NoRefresh)
	return c
}

func (c AuthorizationCode) check(_ *Vault, now time.Time) error { return c.alive(now) }
