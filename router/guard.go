package router

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"mcp-oauth-server/router/metrics"
	"mcp-oauth-server/router/oauth"
)

// guardRequest refuses what no room should have to think about:
//
//   - what two HTTP parsers in a row read differently (request smuggling): a
//     body framed in two ways (RFC 9112 §6.1), a header line folded over two
//     (§5.2), a version that is not HTTP/1.1 or 1.0;
//   - a fragment in the request target and a Host with more than a name and a
//     port, which no client sends.
func (h *House) guardRequest(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	refuse := h.count(metrics.Other, ambiguousRequest)
	return func(ctx *fasthttp.RequestCtx) {
		if ambiguous(&ctx.Request.Header) {
			refuse(ctx)
			return
		}
		next(ctx)
	}
}

// guardHost refuses a foreign Host in loopback mode, which is a web page reaching
// for this machine by DNS rebinding. The MCP endpoint does so
// itself, in the order of its own checks.
func (h *House) guardHost(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	refuse := h.count(metrics.Other, misdirected)
	return func(ctx *fasthttp.RequestCtx) {
		if _, ok := h.Site.Base(ctx.Host()); !ok {
			refuse(ctx)
			return
		}
		next(ctx)
	}
}

func ambiguousRequest(ctx *fasthttp.RequestCtx) {
	ctx.SetConnectionClose()
	oauth.WriteError(ctx, oauth.NewError(oauth.InvalidRequest, "the request is written in a way that HTTP does not allow"))
}

func misdirected(ctx *fasthttp.RequestCtx) {
	oauth.WriteError(ctx, &oauth.Error{
		Code:        oauth.InvalidRequest,
		Description: "this server answers as localhost, 127.0.0.1 or [::1] only; set SERVER_URL to serve another name",
		Status:      fasthttp.StatusMisdirectedRequest,
	})
}

// ambiguous says whether the request could be taken for another one by whatever
// stands in front of this server.
func ambiguous(h *fasthttp.RequestHeader) bool {
	return framedTwice(h) || folded(h) || string(h.Protocol()) != "HTTP/1.1" && string(h.Protocol()) != "HTTP/1.0" ||
		bytes.IndexByte(h.RequestURI(), '#') >= 0 || moreThanAHost(h.Host())
}

// moreThanAHost says whether there is userinfo, a path or the like in a Host.
func moreThanAHost(host []byte) bool {
	for _, c := range host {
		switch c {
		case '@', '/', '\\', '?', '#':
			return true
		}
	}
	return false
}

// folded says whether a header line goes on in the next one. The parser joins
// them, so only the raw header shows it. One line at a time: there are few, and
// the longest of them, the token, is gone through only once.
func folded(h *fasthttp.RequestHeader) bool {
	raw := h.RawHeaders()
	for end := bytes.IndexByte(raw, '\n'); end >= 0; end = bytes.IndexByte(raw, '\n') {
		raw = raw[end+1:]
		if len(raw) > 0 && (raw[0] == ' ' || raw[0] == '\t') {
			return true
		}
	}
	return false
}

// framedTwice says whether a chunked request carries a Content-Length as well.
// The parser drops the length silently, so only the raw header shows it.
func framedTwice(h *fasthttp.RequestHeader) bool {
	return h.ContentLength() == -1 && bytes.Contains(bytes.ToLower(h.RawHeaders()), []byte("content-length:"))
}
