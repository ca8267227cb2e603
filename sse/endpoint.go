package sse

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/sse/bearer"
	"mcp-oauth-server/sse/mcp"
)

// MaxBody is the longest message that is read, in bytes. The HTTP server must
// be given the same limit, or it reads more than is used.
const MaxBody = 4 << 20

// Endpoint is the MCP endpoint. The fields are set once, before the first
// request.
type Endpoint struct {
	// Base returns the public base URL for a request's Host, and false when a
	// foreign name addresses a loopback server (DNS rebinding). REQUIRED.
	Base func(host string) (base string, ok bool)
	// AllowedOrigins are the browser origins that may call, spelled as browsers
	// send them: https://app.example.com. Requests without an Origin do not come
	// from a browser's page and are let through.
	AllowedOrigins []string
	// LoopbackOrigins also allows every origin on this machine, whatever its
	// port: for a server on a loopback address.
	LoopbackOrigins bool
	// Bearer checks access tokens. REQUIRED.
	Bearer *bearer.Checker
	// MCP answers messages. REQUIRED.
	MCP *mcp.Server
	// SealSession and OpenSession make and read an Mcp-Session-Id. REQUIRED.
	SealSession artifact.Sealer[artifact.Session]
	OpenSession artifact.Opener[artifact.Session]
	// SealStream and OpenStream make and read the handle of a legacy stream.
	// REQUIRED if Legacy is set.
	SealStream artifact.Sealer[artifact.Stream]
	OpenStream artifact.Opener[artifact.Stream]
	// MaxStreams and MaxStreamsPerUser bound the open streams of this replica;
	// beyond them a new one is answered 503 or 429. REQUIRED if Legacy is set.
	MaxStreams, MaxStreamsPerUser int
	// Legacy turns the transport of 2024-11-05 on.
	Legacy bool
	// Now is the clock. REQUIRED.
	Now func() time.Time
	// Log receives what clients must not see. REQUIRED.
	Log *slog.Logger

	once sync.Once
}

// Serve returns the handler of the endpoint at path, /sse or /mcp. The path is
// the one whose protected-resource document the challenge names.
func (e *Endpoint) Serve(path string) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {}
}

// Message is the handler of POST /sse/message.
func (e *Endpoint) Message(ctx *fasthttp.RequestCtx) {}

// OpenStreams is the number of open streams.
func (e *Endpoint) OpenStreams() int { return 0 }

// Drain refuses new streams from now on and ends the open ones, spread over a
// short time so that their clients do not all come back at once. It returns
// when all are closed; when ctx ends, the rest is closed at once.
func (e *Endpoint) Drain(ctx context.Context) {}
