package sse

import (
	"context"
	"net"
	"strings"

	"github.com/valyala/fasthttp"

	"mcp-oauth-server/sse/mcp"
)

// post serves the Streamable HTTP transport: one message in, its answer out. The
// answer is JSON, or an event stream if the call has more to say ([call]).
func (e *Endpoint) post(v *visit) {
	if !v.acceptable() {
		return
	}
	r := v.request(mcp.Streamable)
	known, scope, ok := e.session(v, r.ProtocolVersion)
	if !ok {
		// 404 is how a client learns to initialize again.
		v.rpcError(fasthttp.StatusNotFound, -32600, "the session has expired or is not yours; initialize again")
		return
	}
	r.Session = known
	v.scope = scope
	if v.headers.events { // one that does not read them gets JSON only, and cannot be asked anything
		r.Peer = v
	}
	defer v.stopRunning()
	// Not the request's own context: fasthttp reuses it, and a tool may outlive
	// the handler. The call's own limits end it, or the client that leaves.
	reply := e.MCP.Handle(context.Background(), r)
	if reply.Detached && len(r.Body) <= roomSize {
		v.body = r.Body
	}
	e.answer(v, scope, reply)
}

// Begin implements mcp.Peer. What is answered at once makes no call.
func (v *visit) Begin(ctx context.Context, requestID string) (context.Context, mcp.Conversation, func()) {
	if v.call != nil { // the next one of a batch
		return v.call.Begin(ctx, requestID)
	}
	e := v.endpoint
	c := &call{endpoint: e, owner: v.owner(), scope: v.scope, origin: v.origin, conn: v.http.Conn()}
	modern := isModern(v.version().Value)
	if modern {
		ctx = c.endWithClient(ctx) // before anybody finds the call in the list
		e.list().start()           // whoever looks which clients have left
	}
	v.call = c
	e.running.add(c, v.http.ConnID())
	if modern {
		return ctx, c, c.leave
	}
	return c.Begin(ctx, requestID)
}

// stopRunning takes the call, if there is one, out of the list of running ones.
func (v *visit) stopRunning() {
	if v.call != nil {
		v.endpoint.running.remove(v.call)
	}
}

// answer sends what became of a message.
func (e *Endpoint) answer(v *visit, scope string, reply mcp.Reply) {
	st := v.call.end()
	undelivered := e.deliver(v.owner(), reply.Answers)
	e.cancel(v.owner(), scope, reply.Cancels)
	switch {
	case st != nil:
		v.handOver(st, reply.Body)
		return
	case reply.Outcome == mcp.Listening:
		e.listen(v, reply.Listen)
		return
	case reply.Outcome == mcp.Accepted && undelivered != nil:
		v.refuseDelivery(undelivered, fasthttp.StatusBadRequest, "nobody waits for this answer; it came too late, or it is not yours to give")
		return
	}
	if reply.Session != nil {
		e.mintSession(v, reply.Session)
	}
	v.http.SetStatusCode(statusOf(reply.Outcome))
	if len(reply.Body) > 0 {
		v.send(reply.Body)
	}
}

// handOver takes the connection from the HTTP server for good and ends the
// stream with the call's answer, which may be none. If the server has lost the
// connection already, the stream finds out by itself.
func (v *visit) handOver(st *stream, answer []byte) {
	var last []byte
	if len(answer) > 0 {
		last = appendEvent(nil, "message", answer)
	}
	v.http.HijackSetNoResponse(true)
	v.http.Hijack(func(net.Conn) {
		defer st.list.recovered("last event")
		st.finish(last)
	})
}

func statusOf(o mcp.Outcome) int {
	switch o {
	case mcp.OK:
		return fasthttp.StatusOK
	case mcp.Accepted, mcp.Cancelled:
		return fasthttp.StatusAccepted
	case mcp.NotFound:
		return fasthttp.StatusNotFound
	default:
		return fasthttp.StatusBadRequest
	}
}

// acceptable checks what a POST carries before its body is looked at, and
// answers if it does not fit. Accept is not asked: JSON is what every client
// takes.
func (v *visit) acceptable() bool {
	h := &v.http.Request.Header
	switch {
	case string(h.ContentType()) != "application/json" && !isJSON(string(h.ContentType())):
		// A page may send text/plain to any server without asking first.
		v.problem(fasthttp.StatusUnsupportedMediaType, "unsupported_media_type", "the Content-Type must be application/json")
	case v.headers.encoding.count > 0:
		v.problem(fasthttp.StatusUnsupportedMediaType, "unsupported_media_type", "compressed bodies are not read; leave Content-Encoding out")
	case len(v.http.PostBody()) > MaxBody:
		v.problem(fasthttp.StatusRequestEntityTooLarge, "too_large", "a message may have 4 MiB")
	default:
		return true
	}
	return false
}

// isJSON accepts application/json, also with a charset of UTF-8.
func isJSON(contentType string) bool {
	media, parameters, _ := strings.Cut(contentType, ";")
	if !strings.EqualFold(strings.TrimSpace(media), "application/json") {
		return false
	}
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		if strings.EqualFold(name, "charset") && !strings.EqualFold(strings.Trim(value, `"`), "utf-8") {
			return false
		}
	}
	return true
}

// copiedBody is a copy of the body, in memory that is the visit's no more.
func (v *visit) copiedBody() []byte {
	body := append(v.body[:0], v.http.PostBody()...)
	v.body = nil
	return body
}

// request copies a POST out of fasthttp's buffers: tools and streams outlive it.
func (v *visit) request(t mcp.Transport) mcp.Request {
	r := mcp.Request{
		ID:              v.id,
		Caller:          v.caller(),
		Body:            v.copiedBody(),
		ProtocolVersion: v.version(),
		Method:          v.headers.method.copied(),
		Name:            v.headers.name.copied(),
		Transport:       t,
	}
	if t == mcp.Streamable { // what goes on a legacy stream outlives the POST
		r.Room = v.room
	}
	if isModern(r.ProtocolVersion.Value) {
		r.Params = v.mirroredParams()
	}
	return r
}
