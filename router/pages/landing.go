package pages

import (
	"html/template"

	"github.com/valyala/fasthttp"
)

// endpoint is one row of the landing page's table.
type endpoint struct{ Method, Path, What string }

// endpoints are the addresses that people ask about.
var endpoints = []endpoint{
	{"GET", "/.well-known/oauth-protected-resource/sse", "Protected resource metadata (RFC 9728)"},
	{"GET", "/.well-known/oauth-authorization-server", "Authorization server metadata (RFC 8414)"},
	{"GET", "/jwks.json", "Public keys of the access tokens (RFC 7517)"},
	{"POST", "/register", "Dynamic client registration (RFC 7591)"},
	{"GET", "/authorize", "Authorization, in the browser: consent and sign-in"},
	{"POST", "/consent", "Your answer to the consent page"},
	{"GET, POST", "/callback", "Return from the identity provider"},
	{"POST", "/token", "Tokens for a code or a refresh token"},
	{"POST, GET", "/sse", "The MCP endpoint: Streamable HTTP by POST, the older HTTP+SSE by GET"},
	{"POST, GET", "/mcp", "The same endpoint under its other name"},
	{"GET", "/healthz", "Is the process alive"},
	{"GET", "/readyz", "Is it ready for requests"},
}

// Landing answers GET / with the front page. It is a request handler. Every
// snippet on the page has the address by which this browser reached the server,
// so it works as it is.
func (s *Set) Landing(ctx *fasthttp.RequestCtx) {
	base, ok := s.Site.Base(ctx.Host())
	if !ok {
		s.Fault(ctx, Fault{
			Status: fasthttp.StatusMisdirectedRequest,
			Title:  "This server does not answer to that name",
			Detail: "It is for this computer only and is reached as localhost, 127.0.0.1 or [::1].",
		})
		return
	}
	write(ctx, fasthttp.StatusOK, textPage, landingTemplate, view{
		Title: "Connect",
		Wide:  true,
		Page: struct {
			Base, Resource, Provider string
			DevUsers                 []string
			Tools                    []Tool
			Clients                  []install
			Endpoints                []endpoint
		}{base, base + "/sse", s.Provider, s.DevUsers, s.Tools, installs(base + "/sse"), endpoints},
	})
}

// install is how to connect one client.
type install struct {
	Name string
	// Link opens the client. Its scheme is none that the template knows, so it is
	// exempt from the template's list; it is built from our own address only.
	Link     template.URL
	LinkText string
	Steps    []step
	Note     string
}

// step is something to type or to paste.
type step struct{ Say, Text string }
