package router

import (
	"bytes"
	"log/slog"

	"github.com/fasthttp/router"
	"github.com/valyala/fasthttp"

	"mcp-oauth-server/router/authorize"
	"mcp-oauth-server/router/discovery"
	"mcp-oauth-server/router/grant"
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
	handler = guardRequest(h.Site, handler)
	handler = secureHeaders(h.Site, handler)
	handler = h.Health.closeWhenDraining(handler)
	handler = h.recordRequests(handler)
	return recoverPanics(h.Log, handler)
}

// AdminHandler returns the handler of the second listener.
func (h *House) AdminHandler() fasthttp.RequestHandler {
	return recoverPanics(h.Log, h.Health.admin)
}

func (h *House) routes() fasthttp.RequestHandler {
	r := router.New()
	r.RedirectTrailingSlash = false
	r.RedirectFixedPath = false
	r.HandleOPTIONS = false
	r.NotFound = notFound
	r.MethodNotAllowed = methodNotAllowed

	read(r, "/", h.Landing)

	const wellKnown = "/.well-known/"
	for _, suffix := range []string{"", "/sse", "/mcp"} {
		document(r, wellKnown+"oauth-authorization-server"+suffix, h.Discovery.AuthorizationServer)
	}
	for suffix, path := range map[string]string{"": "/sse", "/sse": "/sse", "/mcp": "/mcp"} {
		document(r, wellKnown+"oauth-protected-resource"+suffix, h.Discovery.ProtectedResource(path))
	}
	document(r, "/jwks.json", h.Discovery.JWKS)
	r.POST("/register", public(h.Register.Register))
	r.OPTIONS("/register", preflight(fasthttp.MethodPost))
	r.POST("/token", public(h.Grant.Token))
	r.OPTIONS("/token", preflight(fasthttp.MethodPost))

	r.GET("/authorize", h.Authorize.Authorize)
	r.POST("/consent", h.Authorize.Consent)
	r.GET("/callback", h.Authorize.Callback)
	r.POST("/callback", h.Authorize.CallbackForm)

	r.ANY("/sse", h.Resource.SSE)
	r.ANY("/mcp", h.Resource.MCP)
	r.ANY("/sse/message", h.Resource.Message)

	read(r, "/healthz", h.Health.Live)
	read(r, "/readyz", h.Health.Ready)
	return h.resourceFirst(ignoreResourceSlash(r.Handler))
}

// resourceFirst spares the tool calls, of which there are the most, the search
// for their route: the table looks for a method's own route before one of any.
func (h *House) resourceFirst(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		switch string(ctx.URI().PathOriginal()) {
		case "/sse":
			h.Resource.SSE(ctx)
		case "/mcp":
			h.Resource.MCP(ctx)
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
func read(r *router.Router, path string, handler fasthttp.RequestHandler) {
	r.GET(path, handler)
	r.HEAD(path, handler)
}

// document routes a public document.
func document(r *router.Router, path string, handler fasthttp.RequestHandler) {
	read(r, path, public(handler))
	r.OPTIONS(path, preflight(fasthttp.MethodGet))
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
func preflight(method string) fasthttp.RequestHandler {
	return public(func(ctx *fasthttp.RequestCtx) {
		ctx.Response.Header.Set(fasthttp.HeaderAccessControlAllowMethods, method)
		ctx.Response.Header.Set(fasthttp.HeaderAccessControlAllowHeaders, "Authorization, Content-Type, Accept, MCP-Protocol-Version")
		ctx.Response.Header.Set(fasthttp.HeaderAccessControlMaxAge, "600")
		ctx.SetStatusCode(fasthttp.StatusNoContent)
	})
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
