package router

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"mcp-oauth-server/router/oauth"
)

// guardRequest refuses what no room should have to think about:
//
//   - a body framed in two ways at once, which two HTTP parsers in a row read
//     differently: request smuggling (RFC 9112 §6.1);
//   - a fragment in the request target, which no client sends;
//   - in loopback mode a foreign Host, which is a web page reaching for this
//     machine by DNS rebinding.
func guardRequest(site oauth.Site, next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		switch {
		case framedTwice(&ctx.Request.Header), bytes.IndexByte(ctx.Request.Header.RequestURI(), '#') >= 0:
			ctx.SetConnectionClose()
			oauth.WriteError(ctx, oauth.NewError(oauth.InvalidRequest, "the request is framed in a way that HTTP does not allow"))
		case foreignHost(site, ctx):
			oauth.WriteError(ctx, &oauth.Error{
				Code:        oauth.InvalidRequest,
				Description: "this server answers as localhost, 127.0.0.1 or [::1] only; set SERVER_URL to serve another name",
				Status:      fasthttp.StatusMisdirectedRequest,
			})
		default:
			next(ctx)
		}
	}
}

func foreignHost(site oauth.Site, ctx *fasthttp.RequestCtx) bool {
	_, ok := site.Base(string(ctx.Host()))
	return !ok
}

// framedTwice says whether a chunked request carries a Content-Length as well.
// The parser drops the length silently, so only the raw header shows it.
func framedTwice(h *fasthttp.RequestHeader) bool {
	return h.ContentLength() == -1 && bytes.Contains(bytes.ToLower(h.RawHeaders()), []byte("content-length:"))
}
