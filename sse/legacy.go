package sse

import (
	"errors"
	"net"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/valyala/fasthttp"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/sse/mcp"
)

// reconnectTime is what a client waits before it reconnects, as the field of
// the event stream wants it: in milliseconds. The default of clients, 3 s, is a
// long time for the calls that wait meanwhile.
const reconnectTime = "250"

// openStream serves GET: the stream of the 2024-11-05 transport. A session id,
// or a revision from 2026-07-28 on, says that the client means the GET of
// Streamable HTTP, which is not offered. An older revision alone does not: SSE
// clients send it when they reconnect, and hang for ever on a 405.
func (e *Endpoint) openStream(v *visit) {
	if !e.Legacy || v.header(sessionHeader).Count > 0 || isModern(v.header("MCP-Protocol-Version").Value) {
		v.notAllowed("POST", "there is no GET stream in this transport; send messages by POST")
		return
	}
	route, ok := v.route()
	if !ok {
		v.problem(fasthttp.StatusBadRequest, "invalid_request", "session must be given once, with 1 to 128 of A-Z a-z 0-9 . _ -")
		return
	}
	p := v.principal
	st := &stream{id: artifact.NewID(), subject: p.Subject, client: p.ClientID, opened: e.Now()}
	st.expires = st.limited(p.Expires)
	handle, err := e.SealStream.Seal(artifact.Stream{ID: st.id, Subject: p.Subject, Client: p.ClientID})
	if err != nil {
		e.Log.Error("stream handle not minted", "event", "stream_seal", "request_id", v.id, "err", err)
		v.problem(fasthttp.StatusInternalServerError, "server_error", "internal error, request "+v.id)
		return
	}
	switch err := e.list().add(st); {
	case errors.Is(err, errUserFull):
		v.busy(fasthttp.StatusTooManyRequests, "too_many_streams", "you have too many open streams; close one")
		return
	case err != nil:
		v.busy(fasthttp.StatusServiceUnavailable, "temporarily_unavailable", err.Error())
		return
	}
	e.hijack(v, st, append(responseHead(v.origin), opening(v.path, route, handle)...))
}

// hijack takes the connection from fasthttp and gives it to the stream. If
// fasthttp never comes to it, the sweep ends the unattached stream.
func (e *Endpoint) hijack(v *visit, st *stream, first []byte) {
	ctx, id := v.http, v.id // the closure must not hold on to the request
	ctx.HijackSetNoResponse(true)
	ctx.Hijack(func(c net.Conn) {
		defer func() {
			if p := recover(); p != nil {
				e.logPanic(id, p)
				st.close("panic", nil)
				c.Close() //nolint:errcheck // the stream may not have it yet
			}
		}()
		st.attach(c, first)
	})
}

// responseHead is the HTTP head of a stream. The body ends with the connection.
func responseHead(origin string) []byte {
	head := "HTTP/1.1 200 OK\r\n" +
		"Content-Type: text/event-stream\r\n" +
		"Cache-Control: no-store, no-transform\r\n" +
		"X-Accel-Buffering: no\r\n" + // nginx would keep events back
		"X-Content-Type-Options: nosniff\r\n" +
		"Connection: close\r\n"
	if origin != "" {
		for name, value := range corsHeaders(origin) {
			head += name + ": " + value + "\r\n"
		}
	}
	return []byte(head + "\r\n")
}

// opening is the beginning of a stream: one event, because a client may insist
// that the first one is the endpoint. The endpoint is a relative path: no Host
// header can make a client send its token elsewhere.
func opening(path, route, handle string) []byte {
	endpoint := "/sse/message?"
	if route != "" {
		endpoint += "session=" + route + "&"
	}
	if path == "/mcp" {
		endpoint += resourceParameter + "=mcp&"
	}
	endpoint += "stream=" + handle
	return appendEvent([]byte("retry: "+reconnectTime+"\n"), "endpoint", []byte(endpoint))
}

// route is the client's parameter session, which is repeated in the endpoint so
// that a load balancer can hash on it and find this replica again.
func (v *visit) route() (string, bool) {
	values := v.http.QueryArgs().PeekMulti("session")
	if len(values) == 0 {
		return "", true
	}
	s := string(values[0])
	for _, c := range []byte(s) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && c != '.' && c != '_' && c != '-' {
			return "", false
		}
	}
	return s, len(values) == 1 && 0 < len(s) && len(s) <= 128
}

// isModern says whether a version is 2026-07-28 or a later date.
func isModern(version string) bool {
	_, err := time.Parse(time.DateOnly, version)
	return err == nil && version >= mcp.Version20260728
}

// message serves POST /sse/message. Besides the door's checks, in order: the
// body's type, a handle that opens and belongs to the user and the client of
// the bearer, its stream on this replica, a free place to run. 202 means that
// the message runs; its answer goes onto the stream.
func (e *Endpoint) message(v *visit) {
	if !e.Legacy {
		v.problem(fasthttp.StatusNotFound, "not_found", "this server does not speak the HTTP+SSE transport; send messages to /sse")
		return
	}
	if !v.acceptable() {
		return
	}
	handles := v.http.QueryArgs().PeekMulti("stream")
	if len(handles) != 1 {
		v.problem(fasthttp.StatusBadRequest, "invalid_request", "send messages to the URL of the endpoint event, or to /sse without a stream")
		return
	}
	st := e.find(v, string(handles[0]))
	if st == nil || !st.extend(v.principal.Expires, e.Now()) {
		v.rpcError(fasthttp.StatusNotFound, -32600, "the stream is closed, or lives on another replica; connect again")
		return
	}
	switch err := e.calls.begin(st); {
	case errors.Is(err, errUserBusy):
		v.busy(fasthttp.StatusTooManyRequests, "too_many_calls", err.Error())
		return
	case err != nil:
		v.busy(fasthttp.StatusServiceUnavailable, "temporarily_unavailable", err.Error())
		return
	}
	r := v.request(mcp.LegacySSE)
	r.Session = st.session.Load()
	go e.run(st, r)
	v.http.SetStatusCode(fasthttp.StatusAccepted)
}

// find returns the living stream of a handle, if it is the principal's. Another
// user's handle, a forged and a dead one look alike from outside.
func (e *Endpoint) find(v *visit, handle string) *stream {
	h, err := e.OpenStream.Open(handle)
	if err != nil || h.Subject != v.principal.Subject || h.Client != v.principal.ClientID {
		return nil
	}
	st := e.list().get(h.ID)
	if st == nil || st.subject != h.Subject || st.client != h.Client {
		return nil
	}
	return st
}

// run performs one message and puts its answer onto the stream.
func (e *Endpoint) run(st *stream, r mcp.Request) {
	defer e.calls.end(st)
	defer func() {
		if p := recover(); p != nil {
			e.logPanic(r.ID, p)
			if body, err := json.Marshal(rpcFailure(-32603, "internal error, request "+r.ID)); err == nil {
				st.send(appendEvent(nil, "message", body), e.Now())
			}
		}
	}()
	reply := e.MCP.Handle(st.context(), r)
	if reply.Session != nil {
		st.session.Store(reply.Session)
	}
	if len(reply.Body) > 0 {
		st.send(appendEvent(nil, "message", reply.Body), e.Now())
	}
}
