package authorize

import (
	"net/url"
	"strings"

	"github.com/valyala/fasthttp"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/router/oauth"
)

// reply is the way back to a client whose redirect URI is proven.
type reply struct {
	client      artifact.Digest // for the log
	redirectURI string
	state       string // "" when the client sent none
	issuer      string // our own, so that the client can detect a mix-up (RFC 9207)
}

func replyTo(request artifact.AuthorizationRequest, issuer string) reply {
	return reply{client: request.Client, redirectURI: request.RedirectURI, state: request.State, issuer: issuer}
}

// code returns the URL of a success (RFC 6749 §4.1.2).
func (a reply) code(code string) string { return a.url("code", code) }

// error returns the URL of a failure (RFC 6749 §4.1.2.1).
func (a reply) error(e *oauth.Error) string {
	return a.url("error", e.Code, "error_description", e.Description)
}

// refuse sends the browser to the client with an error.
func (a reply) refuse(ctx *fasthttp.RequestCtx, status int, e *oauth.Error) {
	redirect(ctx, status, a.error(e))
}

// url appends parameters, name by name, and then state and iss. The redirect URI
// stays as it is, byte by byte: clients compare it, and a private-use URI does
// not survive being parsed and printed.
func (a reply) url(parameters ...string) string {
	if a.state != "" {
		parameters = append(parameters, "state", a.state)
	}
	parameters = append(parameters, "iss", a.issuer)

	var b strings.Builder
	b.WriteString(a.redirectURI)
	separator := "?"
	if i := strings.IndexByte(a.redirectURI, '?'); i >= 0 {
		separator = "&"
		if rest := a.redirectURI[i+1:]; rest == "" || strings.HasSuffix(rest, "&") {
			separator = ""
		}
	}
	for i := 0; i < len(parameters); i += 2 {
		b.WriteString(separator + parameters[i] + "=" + escape(parameters[i+1]))
		separator = "&"
	}
	return b.String()
}

// escape writes a space as %20, which every decoder understands; "+" is a space
// to some and a plus to others.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
