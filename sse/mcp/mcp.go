// Package mcp speaks the Model Context Protocol: JSON-RPC messages, methods and
// revisions. There is no HTTP in it: the transport hands in a [Request] (one
// POST body and its mirrored headers) and sends the [Reply].
//
// It keeps nothing between two calls of [Server.Handle]. What a client said at
// initialize is in the [Session] that the transport seals into a header and
// opens again on any replica; a client that lost it is served all the same.
//
// A request passes these steps in this order: depth, JSON syntax, envelope,
// revision (from the headers, _meta and the session), mirrored headers, method,
// parameters. Nothing is executed before all of them hold.
package mcp

import (
	"log/slog"

	"mcp-oauth-server/tools"
)

// Server answers MCP messages. The fields are set once, before the first call
// of Handle; Handle may then be called from many goroutines.
type Server struct {
	// Name and Version are the serverInfo every client sees. REQUIRED.
	Name, Version string
	// Title is the display name, for the revisions that have one. OPTIONAL.
	Title string
	// Instructions tell the model what the server is for. OPTIONAL.
	Instructions string
	// Tools are the tools on offer. REQUIRED.
	Tools *tools.Registry
	// Log receives what clients must not see: panics and their stacks. REQUIRED.
	Log *slog.Logger
}

// Transport is how the client is connected.
type Transport int

const (
	// Streamable is the Streamable HTTP transport: the reply answers the POST.
	Streamable Transport = iota
	// LegacySSE is the HTTP+SSE transport of 2024-11-05: the reply's body goes
	// on the stream.
	LegacySSE
)

// Header is one mirrored request header as it was received. Two lines of one
// header could be read differently by a gateway and by us, so the count is kept
// and more than one is refused.
type Header struct {
	Value string
	// Count is the number of lines: 0 if the header was absent.
	Count int
}

// Request is one POST, already authenticated. It holds own copies only: nothing
// in it may point into a buffer that the HTTP server reuses.
type Request struct {
	// ID names the request in logs and in internal errors. OPTIONAL.
	ID string
	// Caller is the user proven by the access token.
	Caller tools.Caller
	// Body is the POST body. Its size is bounded by the transport.
	Body []byte
	// ProtocolVersion, Method and Name are the headers MCP-Protocol-Version,
	// Mcp-Method and Mcp-Name.
	ProtocolVersion, Method, Name Header
	// Session is what a former initialize left: opened from Mcp-Session-Id, or
	// kept by a legacy stream for its own messages. Nil if there is none, or if
	// it does not belong to the caller.
	Session *Session
	// Transport is how the client is connected.
	Transport Transport
}

// Outcome is the class of a reply; the transport maps it to an HTTP status.
type Outcome int

const (
	// OK is 200 with a body.
	OK Outcome = iota
	// Accepted is 202 without a body: the POST held no request.
	Accepted
	// BadRequest is 400 with a body.
	BadRequest
	// NotFound is 404 with a body: the method does not exist (2026-07-28).
	NotFound
)

// Reply is the answer to one Request.
type Reply struct {
	Outcome Outcome
	// Body is one JSON-RPC message (or a batch of them, 2025-03-26) on one line;
	// empty if and only if Outcome is Accepted.
	Body []byte
	// Session is set by a successful initialize and by nothing else. The
	// transport seals it into Mcp-Session-Id, or keeps it for the legacy stream.
	Session *Session
}

// Session is what the server wants to know again of an initialize. It is no
// proof of anything: it carries no right and a request without it is served.
// It is kept tiny (at most about 60 bytes) because it travels in a header.
type Session struct {
	// Version is the negotiated revision, one of the four with a handshake.
	Version string
	// ClientName and ClientVersion are self-reported: for logs only. They are
	// cut to 24 and 12 bytes.
	ClientName, ClientVersion string
	// Capabilities are what the client can do for the server.
	Capabilities Capabilities
}

// Capabilities is the set of things a client declared it can do for a server.
type Capabilities uint8

// The client capabilities the server may make use of.
const (
	Roots Capabilities = 1 << iota
	Sampling
	ElicitationForm
	ElicitationURL
)
