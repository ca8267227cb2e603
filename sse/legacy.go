package sse

import (
	"context"
	"net"
	"time"

	"github.com/valyala/fasthttp"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/sse/mcp"
	"mcp-oauth-server/sse/relay"
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
	if !e.Legacy || v.headers.session.count > 0 || isModern(v.version().Value) {
		v.notAllowed("POST") // there is no GET stream in this transport
		return
	}
	route, ok := v.route()
	if !ok {
		v.problem(fasthttp.StatusBadRequest, "invalid_request", "session must be given once, with 1 to 128 of A-Z a-z 0-9 . _ -")
		return
	}
	st, err := e.newLegacyStream(v)
	if err != nil {
		v.refuseDelivery(err, fasthttp.StatusServiceUnavailable, "")
		return
	}
	handle, err := e.SealStream.Seal(artifact.Stream{ID: st.id, Subject: st.subject, Client: st.client})
	if err != nil {
		st.place.Release()
		e.Log.Error("stream handle not minted", "event", "stream_seal", "request_id", v.id.String(), "err", err)
		v.problem(fasthttp.StatusInternalServerError, "server_error", "internal error, request "+v.id.String())
		return
	}
	if !e.admitStream(v, st) {
		st.place.Release()
		return
	}
	e.hijack(v, st, append(responseHead(v.origin), opening(v.path, route, handle)...))
}

// newLegacyStream makes a stream whose id is its place in the relay: where other
// replicas find it.
func (e *Endpoint) newLegacyStream(v *visit) (*stream, error) {
	p := v.principal
	st := &stream{subject: p.Subject, client: p.ClientID, opened: e.Now()}
	st.expires = st.limited(p.Expires)
	place, err := e.Relay.Register(v.owner(), func(m relay.Message) error {
		f, ok := decodeForwarded(m.Body)
		if !ok || m.Kind != relay.KindMessage {
			return relay.ErrNobody // the answer to a question that nobody asked
		}
		err := e.take(st, f)
		if err == errUserBusy {
			err = relay.ErrBusy // all that can be told over the wire
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	st.id, st.place = place.ID, place
	return st, nil
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
	if version < mcp.Version20260728 { // nearly always, and an error costs more
		return false
	}
	_, err := time.Parse(time.DateOnly, version)
	return err == nil
}

// message serves POST /sse/message. Besides the door's checks, in order: the
// body's type, a handle that opens and belongs to the user and the client of
// the bearer, its stream on this replica or on one that the relay reaches, a
// free place to run. 202 means that the message runs; its answer goes onto the
// stream.
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
	err := relay.ErrNobody
	// Another user's handle, a forged and a dead one look alike from outside.
	h, bad := e.OpenStream.Open(string(handles[0]))
	if bad == nil && h.Subject == v.principal.Subject && h.Client == v.principal.ClientID {
		err = e.pass(h.ID, v)
	}
	if err != nil {
		v.refuseDelivery(err, fasthttp.StatusNotFound, "the stream is closed, or lives on another replica; connect again")
		return
	}
	v.http.SetStatusCode(fasthttp.StatusAccepted)
}

// pass hands a message to its stream, wherever that lives. The error is one of
// take or of the relay.
func (e *Endpoint) pass(id string, v *visit) error {
	r := v.request(mcp.LegacySSE)
	f := forwarded{
		ID: r.ID, Caller: r.Caller, Expires: v.principal.Expires,
		ProtocolVersion: r.ProtocolVersion, Method: r.Method, Name: r.Name, Body: r.Body,
	}
	if st := e.list().get(id); st != nil {
		return e.take(st, f)
	}
	message, err := f.encode()
	if err != nil {
		return err
	}
	return e.Relay.Deliver(context.Background(), id, v.owner(), relay.Message{Kind: relay.KindMessage, Body: message})
}

// take runs a message of the stream's owner. The error is relay.ErrNobody if the
// stream is gone, errUserBusy, or relay.ErrBusy.
func (e *Endpoint) take(st *stream, f forwarded) error {
	if st.subject != f.Caller.Subject || string(st.client) != f.Caller.ClientID || !st.extend(f.Expires, e.Now()) {
		return relay.ErrNobody
	}
	switch err := e.calls.begin(st); err {
	case nil:
	case errBusy:
		return relay.ErrBusy
	default:
		return err
	}
	go e.run(st, f)
	return nil
}

// run performs one message and puts its answer onto the stream.
func (e *Endpoint) run(st *stream, f forwarded) {
	defer e.calls.end(st)
	ctx, release := st.context()
	defer release()
	c := &call{endpoint: e, owner: relay.Owner{Subject: st.subject, Client: st.client}, scope: st.id, stream: st}
	e.running.add(c, uint64(st.id[len(st.id)-1]))
	defer e.running.remove(c)
	defer c.end()
	defer func() {
		if p := recover(); p != nil {
			e.logPanic(f.ID, p)
			st.send(appendEvent(nil, "message", broken(f.ID)), e.Now())
		}
	}()
	reply := e.MCP.Handle(ctx, mcp.Request{
		ID: f.ID, Caller: f.Caller, Body: f.Body, Transport: mcp.LegacySSE, Session: st.session.Load(), Peer: c,
		ProtocolVersion: f.ProtocolVersion, Method: f.Method, Name: f.Name,
	})
	c.end()
	if reply.Session != nil {
		st.session.Store(reply.Session)
	}
	if err := e.deliver(c.owner, reply.Answers); err != nil {
		// The stream may have asked this long ago; the client was told 202.
		e.Log.Debug("answer not delivered", "event", "answer_lost", "request_id", f.ID.String(), "err", err)
	}
	e.cancel(c.owner, c.scope, reply.Cancels)
	if reply.Listen != nil { // a stream of this transport has no room for another
		reply.Body = reply.Listen.Last
	}
	if len(reply.Body) > 0 {
		st.send(appendEvent(nil, "message", reply.Body), e.Now())
	}
}
