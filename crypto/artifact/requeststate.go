package artifact

import (
	"time"

	"mcp-oauth-server/crypto/jose"
)

// RequestStateLife is how long a person may take to answer a tool's question.
const RequestStateLife = 10 * time.Minute

// MaxRequestState is the longest requestState, in characters: about 48 KB of
// JSON before it is sealed. It travels in the bodies of requests.
const MaxRequestState = 64 << 10

// RequestState is the requestState of MCP 2026-07-28: minted with a result that
// asks for the client's input, redeemed when the client sends the request again
// with its answers. Redeeming must check Subject and Client against the bearer,
// and Method and Digest against the request: what one person agreed to is no
// consent to anything else. It can be redeemed again until it expires, so what
// must happen once must not rest on it.
//
// Size: at most 480 characters with one open question, and MaxRequestState.
type RequestState struct {
	redacted
	stamp
	Subject string `json:"sub"`
	Client  Digest `json:"c"`
	Method  string `json:"m"`
	Digest  string `json:"d"`           // of what is called with which arguments
	Payload []byte `json:"p,omitempty"` // answers and open questions, in the MCP room's own form
}

func (RequestState) profile(*Vault) jose.Profile {
	return jose.Profile{Kind: "requeststate", Type: "mcp-requeststate", Days: 1, Max: MaxRequestState}
}

func (s RequestState) stamped(_ *Vault, now time.Time) RequestState {
	s.stamp = s.stampedFor(RequestStateLife, now)
	return s
}

func (s RequestState) members(w *wire) RequestState {
	s.stamp.members(w)
	w.text("sub", &s.Subject)
	w.digest("c", &s.Client)
	w.text("m", &s.Method)
	w.text("d", &s.Digest)
	w.optionalBytes("p", &s.Payload)
	return s
}

func (s RequestState) check(_ *Vault, now time.Time) error { return s.alive(now) }
