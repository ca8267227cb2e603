package router

import (
	"bytes"
	"log/slog"

	"github.com/fasthttp/router"
	"github.com/valyala/fasthttp"

	"mcp-oauth-server/router/authorize"
	"mcp-oauth-server/router/discovery"
	"mcp-oauth-server/router/grant"
	"mcp-oauth-server/router/metrics"
	"mcp-oauth-server/router/oauth"
	"mcp-oauth-server/router/register"
)

// House is everything behind the front door.
type House struct {
	Site      oauth.Site
	Landing   fasthttp.RequestHandler
	Discovery discovery.Room
	Register  register.Room
	Authorize authorize.Room
	Grant     grant.Room
	Resource  Resource
	Health    *Health
	Metrics   *metrics.Metrics
	Remote    Remote
	Log       *slog.Logger
}

// Resource is the protected MCP endpoint. Its handlers answer every method
// themselves, because their 401 comes before their 405.
type Resource struct {
	SSE     fasthttp.RequestHandler // /sse
	MCP     fasthttp.RequestHandler // /mcp, the same endpoint
	Message fasthttp.RequestHandler // /sse/message, of the legacy transport
}

// Handler returns the server's handler: the chain around the route table.
func (h *House) Handler() fasthttp.RequestHandler {
	handler := h.routes()
	handler = h.guardRequest(handler)
	handler = secureHeaders(h.Site, handler)
	handler = h.Health.closeWhenDraining(handler)
	handler = h.recordRequests(handler)
	return recoverPanics(h.Log, handler)
}

func (h *House) routes() fasthttp.RequestHandler {
	r := router.New()
	r.RedirectTrailingSlash = false
	r.RedirectFixedPath = false
	r.HandleOPTIONS = false
	r.NotFound = h.count(metrics.Other, notFound)
	r.MethodNotAllowed = h.count(metrics.Other, methodNotAllowed)

	h.read(r, "/", metrics.Landing, h.Landing)

	const wellKnown = "/.well-known/"
	for _, suffix := range []string{"", "/sse", "/mcp"} {
		h.document(r, wellKnown+"oauth-authorization-server"+suffix, metrics.Metadata, h.Discovery.AuthorizationServer)
	}
	for suffix, path := range map[string]string{"": "/sse", "/sse": "/sse", "/mcp": "/mcp"} {
		h.document(r, wellKnown+"oauth-protected-resource"+suffix, metrics.Metadata, h.Discovery.ProtectedResource(path))
	}
	h.document(r, "/jwks.json", metrics.JWKS, h.Discovery.JWKS)
	r.POST("/register", h.count(metrics.Register, public(h.Register.Register)))
	r.OPTIONS("/register", h.preflight(fasthttp.MethodPost))
	r.POST("/token", h.count(metrics.Token, public(h.Grant.Token)))
	r.OPTIONS("/token", h.preflight(fasthttp.MethodPost))

	r.GET("/authorize", h.count(metrics.Authorize, h.Authorize.Authorize))
	r.POST("/consent", h.count(metrics.Consent, h.Authorize.Consent))
	r.GET("/callback", h.count(metrics.Callback, h.Authorize.Callback))
	r.POST("/callback", h.count(metrics.Callback, h.Authorize.CallbackForm))

	sse, mcp := h.resource(h.Resource.SSE), h.resource(h.Resource.MCP)
	r.ANY("/sse", sse)
	r.ANY("/mcp", mcp)
	r.ANY("/sse/message", h.count(metrics.Message, h.Resource.Message))

	h.read(r, "/healthz", metrics.Health, h.Health.Live)
	h.read(r, "/readyz", metrics.Health, h.Health.Ready)
	return resourceFirst(sse, mcp, h.guardHost(ignoreResourceSlash(r.Handler)))
}

// resource counts the calls of the MCP endpoint apart from its streams.
func (h *House) resource(endpoint fasthttp.RequestHandler) fasthttp.RequestHandler {
	call, stream := h.count(metrics.MCP, endpoint), h.count(metrics.Stream, endpoint)
	preflight, other := h.count(metrics.Preflight, endpoint), h.count(metrics.Other, endpoint)
	return func(ctx *fasthttp.RequestCtx) {
		switch {
		case ctx.IsPost():
			call(ctx)
		case ctx.IsGet():
			stream(ctx)
		case ctx.IsOptions():
			preflight(ctx)
		default:
			other(ctx)
		}
	}
}

// resourceFirst spares the tool calls, of which there are the most, the search
// for their route: the table looks for a method's own route before one of any.
func resourceFirst(sse, mcp, next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		switch string(ctx.URI().PathOriginal()) {
		case "/sse":
			sse(ctx)
		case "/mcp":
			mcp(ctx)
		default:
			next(ctx)
		}
	}
}

// ignoreResourceSlash makes /sse/ the same as /sse, and its document the same,
// because people type either. The router cannot hold both spellings.
func ignoreResourceSlash(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		switch path := ctx.URI().PathOriginal(); string(path) {
		case "/sse/", "/mcp/", "/.well-known/oauth-protected-resource/sse/", "/.well-known/oauth-protected-resource/mcp/":
			ctx.URI().SetPathBytes(path[:len(path)-1])
		}
		next(ctx)
	}
}

// read routes GET, and HEAD as its shadow.
func (h *House) read(r *router.Router, path string, route metrics.Route, handler fasthttp.RequestHandler) {
	handler = h.count(route, handler)
	r.GET(path, handler)
	r.HEAD(path, handler)
}

// document routes a public document.
func (h *House) document(r *router.Router, path string, route metrics.Route, handler fasthttp.RequestHandler) {
	h.read(r, path, route, public(handler))
	r.OPTIONS(path, h.preflight(fasthttp.MethodGet))
}

// public lets any web page call a handler: it uses no cookie, so CORS is open
// and without credentials.
func public(handler fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		allowAnyOrigin(ctx)
		handler(ctx)
	}
}

// preflight answers a browser that asks before it calls a public handler.
func (h *House) preflight(method string) fasthttp.RequestHandler {
	return h.count(metrics.Preflight, public(func(ctx *fasthttp.RequestCtx) {
		ctx.Response.Header.Set(fasthttp.HeaderAccessControlAllowMethods, method)
		ctx.Response.Header.Set(fasthttp.HeaderAccessControlAllowHeaders, "Authorization, Content-Type, Accept, MCP-Protocol-Version")
		ctx.Response.Header.Set(fasthttp.HeaderAccessControlMaxAge, "600")
		ctx.SetStatusCode(fasthttp.StatusNoContent)
	}))
}

func allowAnyOrigin(ctx *fasthttp.RequestCtx) {
	ctx.Response.Header.Set(fasthttp.HeaderAccessControlAllowOrigin, "*")
}

func notFound(ctx *fasthttp.RequestCtx) {
	if bytes.HasPrefix(ctx.Path(), []byte("/.well-known/")) {
		allowAnyOrigin(ctx) // a web page that probes for documents must see that this one is missing
	}
	oauth.WriteError(ctx, &oauth.Error{Code: "not_found", Description: "there is nothing at this path", Status: fasthttp.StatusNotFound})
}

func methodNotAllowed(ctx *fasthttp.RequestCtx) {
	allow := string(ctx.Response.Header.Peek(fasthttp.HeaderAllow))
	oauth.WriteError(ctx, &oauth.Error{Code: oauth.InvalidRequest, Description: "this path answers " + allow + " only", Status: fasthttp.StatusMethodNotAllowed})
}
