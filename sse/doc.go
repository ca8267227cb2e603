// Package sse is the MCP endpoint: it carries messages between HTTP clients and
// the MCP room (sse/mcp), over two transports at one address.
//
//	POST   /sse /mcp      Streamable HTTP: one message in, its answer out
//	GET    /sse /mcp      the HTTP+SSE transport of 2024-11-05: opens a stream
//	POST   /sse/message   a message for such a stream; the answer goes onto it
//	OPTIONS               CORS preflight, for allowed origins only
//
// Every request passes the same door, in this order: Host (421), Origin (403),
// method (405), bearer token (400, 401, 403). Nothing of the protocol, neither
// headers nor body, is looked at before that.
//
// The one piece of memory here is a socket: a legacy stream lives on the
// replica that accepted it. What is known of a stream (the user it belongs to,
// the negotiated revision) is a property of that socket and ends with it.
//
// Streams cost no goroutine and no timer while they are idle. The connection is
// taken from fasthttp (Hijack) and written without blocking; one goroutine for
// all of them sends keep-alives and closes what has expired. It needs
// fasthttp.Server.KeepHijackedConns.
//
// This room does not know OAuth beyond the access token, and no JSON-RPC.
package sse
