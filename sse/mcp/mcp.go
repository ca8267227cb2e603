// Package mcp speaks the Model Context Protocol: JSON-RPC messages, methods and
// revisions. There is no HTTP in it: the transport hands in a [Request] (one
// POST body and its mirrored headers) and sends the [Reply].
//
// It keeps nothing between two calls of [Server.Handle]. What a client said at
// initialize is in the [Session] that the transport seals into a header and
// opens again on any replica; a client that lost it is served all the same.
// What a half-done 2026-07-28 call has learned travels with the client, sealed
// ([State]).
//
// While a request is served, progress, log messages and questions to the client
// leave through a [Conversation]; what a client sends besides requests comes
// back to the transport in the [Reply]: answers, cancellations, subscriptions.
//
// A request passes these steps in this order: depth, JSON syntax, envelope,
// revision (from the headers, _meta and the session), mirrored headers, method
// (of this revision, and on offer), parameters, mirrored arguments, requestState.
// Nothing is executed before all of them hold.
package mcp

import (
	"context"
	"log/slog"
	"time"

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
	// SealState makes the requestState of an input_required result, and OpenState
	// opens one: it refuses a forged and an expired one. Whom and what it was made
	// for is checked here. Without them tools cannot ask clients of 2026-07-28.
	SealState func(State) (string, error)
	OpenState func(string) (State, error)
	// Announce tells all streams of all replicas of a change; the transport sends
	// [Listen.Frame] on each that listens. Without it no change is advertised.
	Announce func(tools.Change)
	// Now is the clock; time.Now if nil.
	Now func() time.Time
	// PageSize is the largest number of entries in one page of a list; 100 if 0.
	PageSize int
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
	ID tools.RequestID
	// Caller is the user proven by the access token.
	Caller tools.Caller
	// Body is the POST body. Its size is bounded by the transport. It must stay
	// unchanged for good, unless the Reply is Detached.
	Body []byte
	// ProtocolVersion, Method and Name are the headers MCP-Protocol-Version,
	// Mcp-Method and Mcp-Name.
	ProtocolVersion, Method, Name Header
	// Params are the headers Mcp-Param-*, by the lower-case rest of their names.
	// Nil if there are none.
	Params map[string]Header
	// Session is what a former initialize left: opened from Mcp-Session-Id, or
	// kept by a legacy stream for its own messages. Nil if there is none, or if
	// it does not belong to the caller.
	Session *Session
	// Transport is how the client is connected.
	Transport Transport
	// Room is where the usual answer may be written, from its start on: then
	// Reply.Body is a piece of it. Nil if the answer must have memory of its own.
	// OPTIONAL.
	Room []byte
	// Peer is the client, where the transport can talk with it while the request
	// is served; the messages of a batch share it. Nil where it cannot: then
	// progress and log messages are dropped and nothing can be asked.
	Peer Peer
}

// Peer is a client that can be talked with. A transport that has peers also
// serves Listening.
type Peer interface {
	// Begin opens the conversation of a request whose handler may run for a while,
	// by the JSON text of the request's id. It is called by Handle's own goroutine,
	// and not for what is answered at once: most requests cost their transport no
	// conversation. run is the handler's context until end is called. In the
	// revisions up to 2025-11-25 a [Reply.Cancels] with this id, of the same user
	// and client, cancels it; in later ones, the client that leaves.
	Begin(ctx context.Context, requestID string) (run context.Context, talk Conversation, end func())
}

// Conversation is the way to the client while one request is served. Messages
// are whole JSON-RPC messages on one line. Its methods are called from several
// goroutines but not after Handle has returned, though an Ask whose context has
// ended may still be on its way out by then.
type Conversation interface {
	// Notify puts a notification on the request's response stream. The first one
	// turns a plain JSON answer into an event stream. An error says that it cannot
	// be delivered; nobody is told.
	Notify(message []byte) error
	// NewID returns the id for a request of ours. It is opaque text without need
	// for JSON escapes, hard to guess, and leads the answer from any replica to
	// this conversation.
	NewID() string
	// Ask sends a request of ours with an id of NewID and waits for the client's
	// response, which may arrive at another replica: the whole message as it was
	// received ([Answer.Body]). It ends with ctx.
	Ask(ctx context.Context, id string, message []byte) (response []byte, err error)
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
	// Cancelled has no body: the request was cancelled and must not be answered.
	// The transport ends the response stream, or answers 202.
	Cancelled
	// Listening is 200 with an event stream that stays open: see Reply.Listen.
	Listening
)

// Reply is the answer to one Request.
type Reply struct {
	Outcome Outcome
	// Body is one JSON-RPC message (or a batch of them, 2025-03-26) on one line;
	// empty if Outcome is Accepted, Cancelled or Listening. It may be a piece of
	// Request.Room.
	Body []byte
	// Detached says that nothing reads Request.Body any more once the reply is sent:
	// no handler that is overdue, and nobody else who was handed a piece of it.
	Detached bool
	// Session is set by a successful initialize, and by logging/setLevel when the
	// request came with one. The transport seals it into Mcp-Session-Id, or keeps
	// it for the legacy stream.
	Session *Session
	// Answers are responses of the client to requests of ours. The transport
	// delivers them to [Conversation.Ask], on whatever replica it waits, and
	// replaces Accepted by an error if nobody does.
	Answers []Answer
	// Cancels name requests of the same user and client that are to be cancelled
	// ([Peer.Begin]). One that is not found is ignored.
	Cancels []string
	// Listen is set if and only if Outcome is Listening.
	Listen *Listen
}

// Answer is a client's response to a request of ours.
type Answer struct {
	// ID is the id we gave it. A client may send anything here; what no Ask waits
	// for is no answer.
	ID string
	// Body is the whole JSON-RPC message, checked for syntax only.
	Body []byte
}

// State is what a request of 2026-07-28 that waits for the client's input has
// learned so far. The client keeps it, sealed, and sends it back.
type State struct {
	// Subject and Client are the user and the client it was made for.
	Subject, Client string
	// Method is the method of the request: tools/call, prompts/get, resources/read.
	Method string
	// Digest is the SHA-256, in base64url, of what was to be called with which
	// arguments.
	Digest string
	// Payload is the answers so far and the questions that are open, at most
	// 32 KiB of JSON.
	Payload []byte
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
	// LogLevel is the least severe level the client wants to hear of, as set by
	// logging/setLevel: 1 (debug) to 8 (emergency). 0 if it never said.
	LogLevel uint8
	// Watched are the resources a legacy stream is subscribed to, at most 64. It
	// is kept on the stream only and never sealed.
	Watched []string
}

// Capabilities is the set of things a client declared it can do for a server.
type Capabilities = tools.Abilities

// The client capabilities the server may make use of.
const (
	Roots           = tools.RootsAbility
	Sampling        = tools.SamplingAbility
	ElicitationForm = tools.ElicitationForm
	ElicitationURL  = tools.ElicitationURL
)
