// Package sse is the MCP endpoint: it carries messages between HTTP clients and
// the MCP room (sse/mcp), over two transports at one address.
//
//	POST   /sse /mcp      Streamable HTTP: one message in, its answer out, as JSON
//	                      or as an event stream
//	GET    /sse /mcp      the HTTP+SSE transport of 2024-11-05: opens a stream
//	POST   /sse/message   a message for such a stream; the answer goes onto it
//	OPTIONS               CORS preflight, for allowed origins only
//
// Every request passes the same door, in this order: Host (421), Origin (403),
// method (405), bearer token (400, 401, 403). Nothing of the protocol, neither
// headers nor body, is looked at before that.
//
// Three kinds of streams share one engine, its caps and its drain:
//
//	the legacy stream of a client; it ends with its newest token
//	the subscription of subscriptions/listen; it ends with its token
//	the answer of one call that has more to say; it ends with the answer
//
// The memory here is sockets, and the calls that run: they live on the replica
// that accepted them, and what is known of them ends with them. Whatever arrives
// for one of them elsewhere goes through the relay (sse/relay): messages of
// legacy streams, answers to questions, cancellations, and news for all streams.
// Without a way there the sender is told at once.
//
// Streams cost no goroutine and no timer while they are idle. The connection is
// taken from fasthttp (Hijack) and written without blocking; one goroutine for
// all of them sends keep-alives and news, closes what has expired, and looks
// whether the clients of running calls are still there. On Linux it also hears
// of every client that leaves, within a tick of 250 ms; other systems are asked
// about each stream instead, and over TLS a stream has a goroutine that waits for
// its client to leave. The build tag portable has Linux do as other systems, for
// the tests. It needs fasthttp.Server.KeepHijackedConns.
//
//	files   door.go endpoint.go answer.go     who gets in, and what is refused
//	        streamable.go session.go headers.go   POST
//	        call.go question.go running.go    a request while it is served
//	        legacy.go calls.go                the transport of 2024-11-05
//	        news.go                           subscriptions and broadcasts
//	        mail.go                           what goes to other replicas
//	        stream.go writer.go streams.go pulse.go   the engine
//	        backlog.go                        what may wait for slow readers
//	        watch*.go socket*.go unsent*.go event.go   the system, and bytes
//
// This room does not know OAuth beyond the access token, and no JSON-RPC.
package sse
