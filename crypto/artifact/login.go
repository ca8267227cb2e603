package artifact

import (
	"time"

	"mcp-oauth-server/crypto/jose"
)

// AuthorizationRequest is what /authorize accepted of a client. It travels
// through consent and login unchanged; no later step reads it from a form.
type AuthorizationRequest struct {
	redacted
	Client      Digest `json:"c"`           // of the client_id
	RedirectURI string `json:"r"`           // as requested, so with the actual loopback port
	State       string `json:"s,omitempty"` // the client's own, returned as it is
	Challenge   string `json:"p"`           // PKCE S256 (RFC 7636 §4.2)
	Scope       string `json:"o"`           // granted, space separated
	Resource    string `json:"a"`           // RFC 8707, canonical
	NoRefresh   bool   `json:"nr,omitzero"`
}

func (r *AuthorizationRequest) members(w *wire) {
	w.digest("c", &r.Client)
	w.text("r", &r.RedirectURI)
	w.optional("s", &r.State)
	w.text("p", &r.Challenge)
	w.text("o", &r.Scope)
	w.text("a", &r.Resource)
	w.flag("nr", &r.NoRefresh)
}

// ConsentTicket is the hidden field of the consent form: minted by GET
// /authorize, redeemed by POST /consent. Redeeming must check that CSRF matches
// the browser's cookie, or one browser could answer for another.
type ConsentTicket struct {
	redacted
	stamp
	AuthorizationRequest
	ClientName string `json:"n,omitempty"`
	CSRF       Digest `json:"k"` // of the CSRF cookie
}

func (ConsentTicket) profile(*Vault) jose.Profile {
	return jose.Profile{Kind: "ticket", Type: "mcp-ticket", Days: 1, Max: 8192}
}

func (t ConsentTicket) stamped(_ *Vault, now time.Time) ConsentTicket {
	t.stamp = t.stampedFor(LoginTime, now)
	return t
}

func (t ConsentTicket) members(w *wire) ConsentTicket {
	t.stamp.members(w)
	t.AuthorizationRequest.members(w)
	w.optional("n", &t.ClientName)
	w.digest("k", &t.CSRF)
	return t
}

func (t ConsentTicket) check(_ *Vault, now time.Time) error { return t.alive(now) }

// MaxState is the longest state that is sent to a provider, in characters.
// Some providers and the front ends before them cut or refuse longer URLs. The
// alphabet is base64url and the dot, which every provider takes.
const MaxState = 1500

// UpstreamState is the state parameter at the provider: minted by POST
// /consent, redeemed by /callback. Redeeming must check that Flow matches this
// browser's flow cookie: a sealed state alone does not stop an attacker who
// consents in his own browser and lets a victim finish the login.
type UpstreamState struct {
	redacted
	stamp
	AuthorizationRequest
	Flow Digest `json:"f"` // of the flow cookie
	// Secret is the root of the upstream nonce and PKCE verifier of this login.
	Secret string `json:"u"`
	// LongState is the digest of the client's state when that is too long for
	// MaxState and travels in the flow cookie instead.
	LongState Digest `json:"l,omitempty"`
}

func (UpstreamState) profile(*Vault) jose.Profile {
	return jose.Profile{Kind: "state", Type: "mcp-state", Days: 1, Max: MaxState}
}

func (s UpstreamState) stamped(_ *Vault, now time.Time) UpstreamState {
	s.stamp = s.stampedFor(LoginTime, now)
	return s
}

func (s UpstreamState) members(w *wire) UpstreamState {
	s.stamp.members(w)
	s.AuthorizationRequest.members(w)
	w.digest("f", &s.Flow)
	w.text("u", &s.Secret)
	w.optional("l", (*string)(&s.LongState))
	return s
}

func (s UpstreamState) check(_ *Vault, now time.Time) error { return s.alive(now) }

// LongState carries a client's state that does not fit into UpstreamState. It
// is part of the flow cookie, whose name and value together may have 4,096
// bytes.
type LongState struct {
	redacted
	stamp
	State string `json:"s"`
}

func (LongState) profile(*Vault) jose.Profile {
	return jose.Profile{Kind: "longstate", Type: "mcp-longstate", Days: 1, Max: 3900}
}

func (s LongState) stamped(_ *Vault, now time.Time) LongState {
	s.stamp = s.stampedFor(LoginTime, now)
	return s
}

func (s LongState) members(w *wire) LongState {
	s.stamp.members(w)
	w.text("s", &s.State)
	return s
}

func (s LongState) check(_ *Vault, now time.Time) error { return s.alive(now) }
