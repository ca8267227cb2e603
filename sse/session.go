package sse

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/sse/mcp"
	"mcp-oauth-server/sse/relay"
)

// sessionHeader carries what was said at initialize. It proves nothing and is
// never required.
const sessionHeader = "Mcp-Session-Id"

// mintSession seals the outcome of an initialize into the answer's header. If
// that cannot be done, the client does without.
func (e *Endpoint) mintSession(v *visit, s *mcp.Session) {
	id, err := e.SealSession.Seal(artifact.Session{
		Subject:      v.principal.Subject,
		Client:       v.principal.ClientID,
		Protocol:     s.Version,
		Capabilities: encodeClient(s),
	})
	if err != nil {
		e.Log.Error("session id not minted", "event", "session_seal", "request_id", v.id.String(), "err", err)
		return
	}
	v.http.Response.Header.Set(sessionHeader, id)
}

// session redeems the request's session id. Also returned is what names it to
// this server: "" without one. Checks, in order:
//
//   - there is one, and the revision has sessions; else there is none (nil)
//   - it was sent once, and is genuine and alive
//   - it belongs to the user and the client of the bearer: an id of another
//     user is no id, or a leaked one could change what a victim's requests mean
func (e *Endpoint) session(v *visit, version mcp.Header) (s *mcp.Session, scope string, ok bool) {
	h := v.headers.session
	if h.count == 0 || !hasSessions(version) {
		return nil, "", true
	}
	opened, err := e.openSession(h.first, v.made)
	if err != nil || h.count > 1 || opened.owner != v.owner() {
		return nil, "", false
	}
	return opened.session, opened.id, true
}

// openedSession is what a session id says. The session is shared by all requests
// with that id: nobody changes it.
type openedSession struct {
	owner   relay.Owner
	id      string
	session *mcp.Session
}

// maxSessions is how many opened session ids are remembered, at about 1 KiB each.
const maxSessions = 8192

// openSession opens a session id, or remembers what it opened to: clients send
// the same one with every call.
func (e *Endpoint) openSession(sealed []byte, now time.Time) (openedSession, error) {
	generation := e.Bearer.Generation() // before the keys are read
	if known, ok := e.sessions.Get(sealed, generation, now); ok {
		return known, nil
	}
	text := string(sealed) // the HTTP server reuses its buffer
	a, err := e.OpenSession.Open(text)
	if err != nil {
		return openedSession{}, err
	}
	opened := openedSession{relay.Owner{Subject: a.Subject, Client: a.Client}, a.ID, decodeClient(a.Capabilities)}
	opened.session.Version = a.Protocol
	e.sessions.Put(text, opened, time.Unix(a.Expires, 0), generation, now, maxSessions)
	return opened, nil
}

// hasSessions tells the revisions with a handshake from 2026-07-28, which says
// that the header is ignored. Without a version it is an early handshake one.
func hasSessions(version mcp.Header) bool {
	return version.Count == 0 || version.Value != mcp.Version20260728 && slices.Contains(versions, version.Value)
}

// encodeClient is the short form of what a client said of itself: its log level
// and capabilities, a byte each in hexadecimal, name and version, one per line.
func encodeClient(s *mcp.Session) string {
	clean := strings.NewReplacer("\n", " ")
	bits := uint64(s.LogLevel)<<8 | uint64(s.Capabilities)
	return strconv.FormatUint(bits, 16) + "\n" + clean.Replace(s.ClientName) + "\n" + clean.Replace(s.ClientVersion)
}

// decodeClient reads the short form. What it does not understand it leaves
// empty: another replica may write a newer form.
func decodeClient(text string) *mcp.Session {
	lines := append(strings.SplitN(text, "\n", 3), "", "", "")
	bits, err := strconv.ParseUint(lines[0], 16, 16)
	if err != nil {
		bits = 0
	}
	return &mcp.Session{Capabilities: mcp.Capabilities(bits & 0xff), LogLevel: uint8(bits >> 8), ClientName: lines[1], ClientVersion: lines[2]}
}
