package sse

import (
	"log/slog"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/sse/bearer"
	"mcp-oauth-server/sse/mcp"
	"mcp-oauth-server/sse/relay"
)

// MaxBody is the longest message that is read, in bytes. The HTTP server must
// be given the same limit, or it reads more than is used.
const MaxBody = 4 << 20

// Endpoint is the MCP endpoint. The fields are set once, before the first
// request; it must not be copied.
type Endpoint struct {
	// Base returns the public base URL for a request's Host, and false when a
	// foreign name addresses a loopback server (DNS rebinding). REQUIRED.
	Base func(host []byte) (base string, ok bool)
	// AllowedOrigins are the browser origins that may call, spelled as browsers
	// send them: https://app.example.com. Requests without an Origin do not come
	// from a browser's page and are let through.
	AllowedOrigins []string
	// LoopbackOrigins also allows every http and https origin on this machine,
	// whatever its port: for a server on a loopback address.
	LoopbackOrigins bool
	// Bearer checks access tokens. REQUIRED.
	Bearer *bearer.Checker
	// MCP answers messages. Its Announce should be this Endpoint's. REQUIRED.
	MCP *mcp.Server
	// Relay brings messages to whoever waits for them, maybe on another replica.
	// It is closed after the streams, by whoever made it. REQUIRED.
	Relay relay.Relay
	// SealSession and OpenSession make and read an Mcp-Session-Id. REQUIRED.
	SealSession artifact.Sealer[artifact.Session]
	OpenSession artifact.Opener[artifact.Session]
	// SealStream and OpenStream make and read the handle of a legacy stream.
	// REQUIRED if Legacy is set.
	SealStream artifact.Sealer[artifact.Stream]
	OpenStream artifact.Opener[artifact.Stream]
	// MaxStreams and MaxStreamsPerUser bound the open streams of this replica;
	// beyond them a new one is answered 503 or 429, and a call has nothing to say
	// but its answer. REQUIRED.
	MaxStreams, MaxStreamsPerUser int
	// Legacy turns the transport of 2024-11-05 on.
	Legacy bool
	// Now is the clock. REQUIRED.
	Now func() time.Time
	// RequestTime is when a request was made, by the same clock, for those who have
	// it at hand: tokens and session ids are judged by it. Now is asked if nil.
	RequestTime func(*fasthttp.RequestCtx) time.Time
	// Log receives what clients must not see. REQUIRED.
	Log *slog.Logger

	once        sync.Once
	streams     *streams
	unsubscribe func() // from the relay
	calls       calls
	questions   quota
	running     running
	sessions    bearer.Cache[openedSession]
}

// Serve returns the handler of the endpoint at path, /sse or /mcp: for every
// method, and for the path with a trailing slash too. The path is the one whose
// protected-resource document the challenge names.
func (e *Endpoint) Serve(path string) fasthttp.RequestHandler {
	// Whoever has no token gets the challenge on GET too, also when there is no
	// GET for those who have one: clients probe with it.
	d := newDoor(path, "POST, OPTIONS", "GET", "POST")
	if e.Legacy {
		d.allow = "GET, POST, OPTIONS"
	}
	return e.guard(d, func(v *visit) {
		if v.http.IsGet() {
			e.openStream(v)
		} else {
			e.post(v)
		}
	})
}

// Message is the handler of /sse/message, for every method.
func (e *Endpoint) Message(ctx *fasthttp.RequestCtx) {
	path := "/sse"
	if string(ctx.QueryArgs().Peek(resourceParameter)) == "mcp" {
		path = "/mcp"
	}
	e.guard(newDoor(path, "POST, OPTIONS", "POST"), e.message)(ctx)
}

// resourceParameter stands in the message URL of streams that were opened at
// /mcp. Their clients compare the resource in a challenge with the URL they
// were given, and give up when a message names another one.
const resourceParameter = "at"

// OpenStreams is the number of open streams on this replica.
func (e *Endpoint) OpenStreams() int { return e.list().count() }

// list returns the streams, made at first use.
func (e *Endpoint) list() *streams {
	e.once.Do(func() {
		e.streams = newStreams(e)
		e.unsubscribe = e.subscribe()
	})
	return e.streams
}
