package pages

import (
	"html/template"

	"github.com/valyala/fasthttp"
)

// Denied tells a user who has signed in that this account may not use the
// server.
type Denied struct {
	// Account is how the provider names the user.
	Account string
	// Return is the URL that takes the browser back to the client with the
	// error: a redirect URI that this server has checked, and parameters that it
	// has added. It may have any scheme a client may register.
	Return string
}

// Denied answers 403 with a page that says which account signed in and what to
// do, and lets the user go back to the client, which is still waiting.
func (s *Set) Denied(ctx *fasthttp.RequestCtx, d Denied) {
	write(ctx, fasthttp.StatusForbidden, textPage, deniedTemplate, view{
		Title: "This account has no access",
		Page: struct {
			Denied
			Provider, RequestID string
			// Back is exempt from the template's own list of schemes, which does
			// not know cursor: or vscode:. It is still escaped as an attribute.
			Back template.URL
		}{d, s.Provider, s.requestID(ctx), template.URL(d.Return)}, //nolint:gosec // G203: see Back
	})
}
