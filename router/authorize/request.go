package authorize

import (
	"strings"
	"unicode"

	"github.com/valyala/fasthttp"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/router/client"
	"mcp-oauth-server/router/oauth"
	"mcp-oauth-server/router/pages"
)

const (
	maxQuery = 8 << 10 // bytes of an authorization request
	maxState = 2048    // bytes of a client's state
	maxScope = 2048    // bytes of a requested scope
)

// Error codes of OpenID Connect Core 1.0 §3.1.2.6.
const (
	interactionRequired    = "interaction_required"
	loginRequired          = "login_required"
	consentRequired        = "consent_required"
	requestNotSupported    = "request_not_supported"
	requestURINotSupported = "request_uri_not_supported"
)

// Authorize answers GET /authorize: it decides whether the client may ask at all
// and then has the user decide. The checks, in order:
//
//  1. the query is at most maxQuery bytes and well formed;
//  2. client_id and redirect_uri are there, once each;
//  3. the client_id is a registration of this server;
//  4. the redirect URI is one of the client's;
//     up to here a fault is a page, from here on a redirect to the client;
//  5. to 13. what the client asks for, see readRequest.
//
// There is no way around the consent page: no session, no earlier approval and
// no prompt parameter skips it.
func (r *Room) Authorize(ctx *fasthttp.RequestCtx) {
	base, ok := r.base(ctx)
	if !ok {
		return
	}
	params, c, fault := r.identify(ctx)
	if fault != nil {
		r.show(ctx, *fault)
		return
	}
	request, refused := r.readRequest(params, base)
	request.Client, request.NoRefresh = c.ID, c.NoRefresh
	if refused != nil {
		r.Log.Info("authorization request refused", "event", "authorize_refused", "client", c.ID, "err", refused)
		replyTo(request, base).refuse(ctx, fasthttp.StatusFound, refused)
		return
	}
	r.ask(ctx, c, request, base)
}

// identify does checks 1 to 4.
func (r *Room) identify(ctx *fasthttp.RequestCtx) (oauth.Params, client.Client, *pages.Fault) {
	query := string(ctx.URI().QueryString())
	if len(query) > maxQuery {
		return oauth.Params{}, client.Client{}, &malformedRequest
	}
	params, err := oauth.ParseParams(query)
	if err != nil {
		return oauth.Params{}, client.Client{}, &malformedRequest
	}
	if params.Get("client_id") == "" || params.Get("redirect_uri") == "" {
		return params, client.Client{}, &incompleteRequest
	}
	c, err := r.Clients.Resolve(params.Get("client_id"))
	if err != nil {
		return params, client.Client{}, &unknownClient
	}
	if !c.Allows(params.Get("redirect_uri")) {
		return params, client.Client{}, &foreignRedirect
	}
	return params, c, nil
}

// readRequest does checks 5 to 13 on the parameters of a client whose redirect
// URI is proven. Unknown parameters are ignored (RFC 6749 §3.1) and go nowhere.
// Even when it refuses, the request it returns says where to answer.
//
//  5. state, first of all, because every later error has to carry it;
//  6. one resource (RFC 8707), and no parameter twice;
//  7. no request object (RFC 9101): a request_uri would have us fetch a URL;
//  8. response_type is code; 9. response_mode is query;
//  10. PKCE with S256 (RFC 7636), never plain;
//  11. the resource is ours; 12. the scope is well formed;
//  13. prompt is not none: there is no silent way.
func (r *Room) readRequest(p oauth.Params, base string) (artifact.AuthorizationRequest, *oauth.Error) {
	request := artifact.AuthorizationRequest{RedirectURI: p.Get("redirect_uri")}
	if len(p.Get("state")) > maxState || strings.ContainsFunc(p.Get("state"), unicode.IsControl) {
		return request, oauth.NewError(oauth.InvalidRequest, "state is longer than 2048 bytes or has control characters")
	}
	request.State = p.Get("state")
	if refused := checkForm(p); refused != nil {
		return request, refused
	}
	resource, ok := base+"/sse", true
	if p.Has("resource") {
		resource, ok = r.Site.Resource(p.Get("resource"))
	}
	if !ok {
		return request, oauth.NewError(oauth.InvalidTarget, "resource is not a resource of this server; it is "+base+"/sse")
	}
	if !validScope(p.Get("scope")) {
		return request, oauth.NewError(oauth.InvalidScope, "scope is longer than 2048 bytes or has characters that no scope may have")
	}
	for prompt := range strings.FieldsSeq(p.Get("prompt")) {
		if prompt == "none" {
			return request, oauth.NewError(interactionRequired, "this server always asks the user, so prompt=none cannot work")
		}
	}
	request.Challenge = p.Get("code_challenge")
	request.Scope = oauth.GrantScope(p.Get("scope"), oauth.ScopeTools)
	request.Resource = resource
	return request, nil
}

// checkForm does checks 6 to 10.
func checkForm(p oauth.Params) *oauth.Error {
	switch {
	case p.Repeated("resource"):
		return oauth.NewError(oauth.InvalidTarget, "a token is for one resource, and resource is there more than once")
	case p.AnyRepeated() != "":
		return oauth.NewError(oauth.InvalidRequest, "a parameter is there more than once")
	case p.Has("request"):
		return oauth.NewError(requestNotSupported, "request objects are not supported")
	case p.Has("request_uri"):
		return oauth.NewError(requestURINotSupported, "request_uri is not supported")
	case p.Get("response_type") == "":
		return oauth.NewError(oauth.InvalidRequest, "response_type is missing; it has to be code")
	case p.Get("response_type") != "code":
		return oauth.NewError(oauth.UnsupportedResponseType, "the only response_type is code")
	case p.Has("response_mode") && p.Get("response_mode") != "query":
		return oauth.NewError(oauth.InvalidRequest, "the only response_mode is query")
	case !isChallenge(p.Get("code_challenge")):
		return oauth.NewError(oauth.InvalidRequest, "PKCE is required: code_challenge has to be 43 base64url characters")
	case p.Get("code_challenge_method") != "S256":
		return oauth.NewError(oauth.InvalidRequest, "PKCE is required with code_challenge_method S256")
	}
	return nil
}

// isChallenge says whether s has the form of an S256 code challenge: a SHA-256
// in base64url without padding (RFC 7636 §4.2).
func isChallenge(s string) bool { return len(s) == 43 && isBase64URL(s) }

// validScope holds a scope to RFC 6749 §3.3: visible ASCII without quotes and
// backslashes, separated by spaces. Which scopes it names is not judged here.
func validScope(scope string) bool {
	return len(scope) <= maxScope && !strings.ContainsFunc(scope, func(c rune) bool {
		return c < ' ' || c > '~' || c == '"' || c == '\\'
	})
}

// ask seals the request into a ticket for this browser and shows the consent
// page.
func (r *Room) ask(ctx *fasthttp.RequestCtx, c client.Client, request artifact.AuthorizationRequest, base string) {
	secret, ok := r.csrf(ctx)
	if !ok {
		r.show(ctx, twoCookies)
		return
	}
	ticket, err := r.SealTicket.Seal(artifact.ConsentTicket{
		AuthorizationRequest: request,
		ClientName:           c.Name,
		CSRF:                 artifact.DigestOf(secret),
	})
	if err != nil {
		r.fail(ctx, fasthttp.StatusFound, replyTo(request, base), "sealing a consent ticket", err)
		return
	}
	r.Pages.Consent(ctx, pages.Consent{
		ClientName:  c.Name,
		Destination: destination(request.RedirectURI),
		Scope:       request.Scope,
		Resource:    request.Resource,
		Ticket:      ticket,
	})
}

// destination says what the user has to see of a redirect URI.
func destination(redirectURI string) pages.Destination {
	d := client.Describe(redirectURI)
	switch {
	case d.Loopback:
		return pages.Destination{Kind: pages.ThisComputer, Name: d.String()}
	case d.Private:
		return pages.Destination{Kind: pages.App, Name: d.String()}
	default:
		return pages.Destination{Kind: pages.Website, Name: d.String()}
	}
}
