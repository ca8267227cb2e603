package sse

import (
	"bytes"
	"context"
	"strings"

	"github.com/valyala/fasthttp"

	"mcp-oauth-server/sse/mcp"
)

// post serves the Streamable HTTP transport: one message in, its answer out.
func (e *Endpoint) post(v *visit) {
	if !v.acceptable() {
		return
	}
	r := v.request(mcp.Streamable)
	if known, ok := e.session(v, r.ProtocolVersion); ok {
		r.Session = known
	} else {
		// 404 is how a client learns to initialize again.
		v.rpcError(fasthttp.StatusNotFound, -32600, "the session has expired or is not yours; initialize again")
		return
	}
	// Not the request's own context: fasthttp reuses it, and a tool may outlive
	// the handler. The tool's time limit ends the call.
	reply := e.MCP.Handle(context.Background(), r)
	if reply.Session != nil {
		e.mintSession(v, reply.Session)
	}
	v.http.SetStatusCode(statusOf(reply.Outcome))
	if len(reply.Body) > 0 {
		v.send(reply.Body)
	}
}

func statusOf(o mcp.Outcome) int {
	switch o {
	case mcp.OK:
		return fasthttp.StatusOK
	case mcp.Accepted:
		return fasthttp.StatusAccepted
	case mcp.NotFound:
		return fasthttp.StatusNotFound
	default:
		return fasthttp.StatusBadRequest
	}
}

// acceptable checks what a POST carries before its body is looked at, and
// answers if it does not fit. Accept is not asked: the answer is always JSON,
// which every client takes.
func (v *visit) acceptable() bool {
	h := &v.http.Request.Header
	switch {
	case !isJSON(string(h.ContentType())):
		// A page may send text/plain to any server without asking first.
		v.problem(fasthttp.StatusUnsupportedMediaType, "unsupported_media_type", "the Content-Type must be application/json")
	case len(h.PeekAll(fasthttp.HeaderContentEncoding)) > 0:
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

// request copies a POST out of fasthttp's buffers: tools and streams outlive it.
func (v *visit) request(t mcp.Transport) mcp.Request {
	return mcp.Request{
		ID:              v.id,
		Caller:          v.caller(),
		Body:            bytes.Clone(v.http.PostBody()),
		ProtocolVersion: v.header("MCP-Protocol-Version"),
		Method:          v.header("Mcp-Method"),
		Name:            v.header("Mcp-Name"),
		Transport:       t,
	}
}

// header copies a request header and counts its lines.
func (v *visit) header(name string) mcp.Header {
	lines := v.http.Request.Header.PeekAll(name)
	if len(lines) == 0 {
		return mcp.Header{}
	}
	return mcp.Header{Value: string(lines[0]), Count: len(lines)}
}
