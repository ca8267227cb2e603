package authorize

import (
	"errors"
	"strings"

	"github.com/valyala/fasthttp"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/router/oauth"
	"mcp-oauth-server/router/pages"
)

// maxForm is the longest form body, in bytes.
const maxForm = 64 << 10

// Consent answers POST /consent: the user's decision. The checks, in order:
//
//  1. the browser says that the form was on this server's own page;
//  2. the form is at most maxForm bytes, well formed, and has one action,
//     approve or deny;
//  3. the ticket is ours and not expired;
//  4. the ticket was made for this browser.
//
// Only the ticket counts. Whatever else a form says of client, redirect URI or
// scope is not read, so nothing can be widened between question and answer.
//
// When the provider cannot be reached the client is told so
// (temporarily_unavailable): its redirect URI is proven, and it is waiting.
func (r *Room) Consent(ctx *fasthttp.RequestCtx) {
	base, ok := r.base(ctx)
	if !ok {
		return
	}
	ticket, approved, fault := r.readAnswer(ctx, base)
	if fault != nil {
		r.show(ctx, *fault)
		return
	}
	client := replyTo(ticket.AuthorizationRequest, base)
	if !approved {
		r.Log.Info("consent denied", "event", "consent", "client", ticket.Client, "decision", "deny")
		client.refuse(ctx, fasthttp.StatusSeeOther, oauth.NewError(oauth.AccessDenied, "the user denied access"))
		return
	}
	r.Log.Info("consent given", "event", "consent", "client", ticket.Client, "decision", "approve")
	r.sendUpstream(ctx, base, ticket.AuthorizationRequest)
}

// readAnswer does checks 1 to 4.
func (r *Room) readAnswer(ctx *fasthttp.RequestCtx, base string) (t artifact.ConsentTicket, approved bool, fault *pages.Fault) {
	if !fromOwnPage(ctx, base) {
		return t, false, &crossSite
	}
	form, ok := readForm(ctx)
	action := form.Get("action")
	if !ok || form.Repeated("ticket") || (action != "approve" && action != "deny") {
		return t, false, &malformedForm
	}
	t, err := r.OpenTicket.Open(form.Get("ticket"))
	if errors.Is(err, artifact.ErrExpired) {
		return t, false, &expiredTicket
	}
	if err != nil {
		return t, false, &invalidTicket
	}
	secret, ok := cookie(ctx, r.cookieName(csrfCookie))
	if !ok || !isSecret(secret) || !t.CSRF.Matches(secret) {
		return t, false, &otherBrowser
	}
	return t, action == "approve", nil
}

// fromOwnPage asks the headers that a browser sends and no page can forge. Old
// browsers send neither; then cookie and ticket are what counts.
func fromOwnPage(ctx *fasthttp.RequestCtx, base string) bool {
	h := &ctx.Request.Header
	if origins := h.PeekAll(fasthttp.HeaderOrigin); len(origins) > 1 || len(origins) == 1 && string(origins[0]) != base {
		return false
	}
	site := string(h.Peek("Sec-Fetch-Site"))
	return site == "" || site == "same-origin" || site == "none"
}

// readForm reads a form body. The query is not looked at.
func readForm(ctx *fasthttp.RequestCtx) (oauth.Params, bool) {
	media, _, _ := strings.Cut(string(ctx.Request.Header.ContentType()), ";")
	body := ctx.PostBody()
	if !strings.EqualFold(strings.TrimSpace(media), "application/x-www-form-urlencoded") || len(body) > maxForm {
		return oauth.Params{}, false
	}
	form, err := oauth.ParseParams(string(body))
	return form, err == nil
}

// sendUpstream takes an approved request to the provider. Only now does the
// browser get a flow cookie: one that existed before the approval would prove
// nothing at /callback.
func (r *Room) sendUpstream(ctx *fasthttp.RequestCtx, base string, request artifact.AuthorizationRequest) {
	client := replyTo(request, base)
	d, err := r.depart(request)
	if errors.Is(err, artifact.ErrTooLong) {
		client.state = ""
		client.refuse(ctx, fasthttp.StatusSeeOther, oauth.NewError(oauth.InvalidRequest, "state is too long once it is sealed"))
		return
	}
	if err != nil {
		r.fail(ctx, fasthttp.StatusSeeOther, client, "sealing a state", err)
		return
	}
	upstreamCtx, cancel := upstreamContext()
	defer cancel()
	location, err := r.Provider.AuthorizationURL(upstreamCtx, flow(base, d.secret), d.state)
	if err != nil {
		r.fail(ctx, fasthttp.StatusSeeOther, client, "asking for the provider's address", err)
		return
	}
	r.makeRoomForFlow(ctx)
	r.setCookie(ctx, d.cookieName, d.cookieValue)
	redirect(ctx, fasthttp.StatusSeeOther, location)
}
