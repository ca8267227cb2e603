package pages

import (
	"strings"

	"github.com/valyala/fasthttp"

	"mcp-oauth-server/router/oauth"
)

// Consent is one question to the user: may this client use this server for you?
type Consent struct {
	// ClientName is what the client calls itself. Anybody can register any name,
	// so the page marks it as not verified.
	ClientName string
	// Destination is where the answer, and with it access, goes.
	Destination Destination
	// Scope is what is granted on approval, space separated.
	Scope string
	// Resource is the URL that access is asked for.
	Resource string
	// Ticket is the sealed consent ticket, the only thing the form carries.
	Ticket string
}

// Destination is a redirect URI as a person should see it. It is the one fact on
// the page that a client cannot make up, so it is the most prominent one.
type Destination struct {
	// Kind says what the redirect URI is.
	Kind DestinationKind
	// Name is the host (with its port, if it has one), or the private-use scheme
	// with what follows it.
	Name string
}

// DestinationKind is one of the three kinds of redirect URI.
type DestinationKind int

const (
	// Website is an https URL.
	Website DestinationKind = iota
	// ThisComputer is an app that listens on a loopback address (RFC 8252 §7.3).
	ThisComputer
	// App is an app that has claimed a private-use scheme (RFC 8252 §7.1).
	App
)

// IsWebsite is asked by the template.
func (d Destination) IsWebsite() bool { return d.Kind == Website }

// IsThisComputer is asked by the template.
func (d Destination) IsThisComputer() bool { return d.Kind == ThisComputer }

// permission is a scope in words.
type permission struct {
	Scope, Words string
	Tools        []Tool
}

// permissions says in words what a scope allows. A scope that nobody has
// described yet is shown as it is rather than not at all.
func (s *Set) permissions(scope string) []permission {
	var all []permission
	for _, name := range strings.Fields(scope) {
		p := permission{Scope: name, Words: "Use the permission of this name"}
		if name == oauth.ScopeTools {
			p.Words, p.Tools = "List and use the tools of this server", s.Tools
		}
		all = append(all, p)
	}
	return all
}

// Consent answers with the consent page.
func (s *Set) Consent(ctx *fasthttp.RequestCtx, c Consent) {
	write(ctx, fasthttp.StatusOK, formPage, consentTemplate, view{
		Title: "Allow access?",
		Page: struct {
			Consent
			Permissions []permission
			Provider    string
		}{c, s.permissions(c.Scope), s.Provider},
	})
}
