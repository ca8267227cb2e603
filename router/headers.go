package router

import (
	"github.com/valyala/fasthttp"

	"mcp-oauth-server/router/oauth"
)

// They are ready-made: each name set as text is spelled anew.
var (
	contentTypeOptions, noSniff = []byte(fasthttp.HeaderXContentTypeOptions), []byte("nosniff")
	transportSecurity, aYear    = []byte(fasthttp.HeaderStrictTransportSecurity), []byte("max-age=31536000")
)

// secureHeaders sets what every response carries. Pages add their own policies.
func secureHeaders(site oauth.Site, next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		next(ctx)
		h := &ctx.Response.Header
		h.SetCanonical(contentTypeOptions, noSniff)
		if site.Secure() {
			h.SetCanonical(transportSecurity, aYear)
		}
	}
}
