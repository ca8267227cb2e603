package artifact

import (
	"time"

	"mcp-oauth-server/crypto/jose"
)

// ClientRegistration is the client_id itself: what a client said of itself at
// /register, sealed (RFC 7591 appendix A.5.2 describes the idea). It does not
// expire, because an expired client_id strands every installed client at once:
// it lives as long as the secret that minted it is in the key ring. The
// redeeming room must check the redirect URIs against today's rules, which may
// be stricter than those of the day of registration.
//
// Size: at most 480 characters with one redirect URI, 640 with three, 2,048
// ever; a longer one breaks request lines on the way.
type ClientRegistration struct {
	redacted
	stamp
	// ID makes two equal registrations two clients.
	ID           string   `json:"i"`
	Name         string   `json:"n,omitempty"`
	RedirectURIs []string `json:"r"`
	// NoRefresh: the client named its grant types and refresh_token was not
	// among them, so it gets no refresh tokens.
	NoRefresh bool `json:"nr,omitzero"`
}

// MaxClientID is the longest client_id that is issued or looked at, in
// characters.
const MaxClientID = 2048

func (ClientRegistration) profile(*Vault) jose.Profile {
	return jose.Profile{Kind: "client", Type: "mcp-client", Sign: jose.HS256, Days: jose.AnyDay, Max: MaxClientID}
}

func (c ClientRegistration) stamped(_ *Vault, now time.Time) ClientRegistration {
	c.stamp = stamp{Version: version, IssuedAt: now.Unix()}
	return c
}

func (c ClientRegistration) members(w *wire) ClientRegistration {
	c.stamp.members(w)
	w.id("i", &c.ID)
	w.optional("n", &c.Name)
	w.texts("r", &c.RedirectURIs)
	w.flag("nr", &c.NoRefresh)
	return c
}

func (c ClientRegistration) check(_ *Vault, now time.Time) error {
	if c.Version != version || c.IssuedAt > now.Unix()+skew || len(c.RedirectURIs) == 0 {
		return ErrInvalid
	}
	return nil
}
