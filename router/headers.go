package router

import (
	"github.com/valyala/fasthttp"

	"mcp-oauth-server/router/oauth"
)

// secureHeaders sets what every response carries. Pages add their own policies.
func secureHeaders(site oauth.Site, next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		next(ctx)
		h := &ctx.Response.Header
		h.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
		if site.Secure() {
			h.Set(fasthttp.HeaderStrictTransportSecurity, "max-age=31536000")
		}
	}
}
