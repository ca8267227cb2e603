package artifact

import (
	"time"

	"mcp-oauth-server/crypto/jose"
)

// SessionLife bounds an Mcp-Session-Id. It authenticates nobody and is never
// required, so it may outlive tokens; a client whose id has expired initializes
// again.
const SessionLife = 24 * time.Hour

// Session is the Mcp-Session-Id of the 2025 revisions: minted at initialize,
// redeemed at later requests of the same user to know what was negotiated.
// Redeeming must check Subject and Client against the bearer: an id of another
// user is no id.
//
// Size: at most 400 characters.
type Session struct {
	redacted
	stamp
	ID       string `json:"i"`
	Subject  string `json:"sub"`
	Client   Digest `json:"c"`
	Protocol string `json:"p"` // negotiated MCP revision
	// Capabilities are those the client declared, in the MCP room's own short form.
	Capabilities string `json:"k,omitempty"`
}

func (Session) profile(*Vault) jose.Profile {
	return jose.Profile{Kind: "session", Type: "mcp-session", Days: days(SessionLife), Max: 1024}
}

func (s Session) stamped(_ *Vault, now time.Time) Session {
	s.stamp = s.stampedFor(SessionLife, now)
	return s
}

func (s Session) members(w *wire) Session {
	s.stamp.members(w)
	w.id("i", &s.ID)
	w.text("sub", &s.Subject)
	w.digest("c", &s.Client)
	w.text("p", &s.Protocol)
	w.optional("k", &s.Capabilities)
	return s
}

func (s Session) check(_ *Vault, now time.Time) error { return s.alive(now) }

// Stream is the handle inside the endpoint URL of a legacy HTTP+SSE stream:
// minted by GET /sse, redeemed by POST /sse/message. It names a stream and is
// no right to use it: redeeming must check Subject and Client against the
// bearer of the POST.
//
// Size: at most 400 characters.
type Stream struct {
	redacted
	stamp
	ID      string `json:"i"` // of the stream on the replica that holds it
	Subject string `json:"sub"`
	Client  Digest `json:"c"`
}

func (Stream) profile(*Vault) jose.Profile {
	return jose.Profile{Kind: "stream", Type: "mcp-stream", Days: days(SessionLife), Max: 1024}
}

func (s Stream) stamped(_ *Vault, now time.Time) Stream {
	s.stamp = s.stampedFor(SessionLife, now)
	return s
}

func (s Stream) members(w *wire) Stream {
	s.stamp.members(w)
	w.text("i", &s.ID)
	w.text("sub", &s.Subject)
	w.digest("c", &s.Client)
	return s
}

func (s Stream) check(_ *Vault, now time.Time) error { return s.alive(now) }
