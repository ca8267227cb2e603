package authorize

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"github.com/valyala/fasthttp"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/router/oauth"
	"mcp-oauth-server/router/pages"
	"mcp-oauth-server/router/upstream"
)

const (
	maxCallback = 16 << 10 // bytes of a provider's answer; some codes are long
	// maxReentry bounds the query that a form_post is turned into: with the
	// cookies it must fit into the request header that the server reads.
	maxReentry = 14 << 10
)

// callbackParams are the parameters of a provider's answer that are read.
var callbackParams = []string{"code", "state", "iss", "error"}

// Callback answers GET /callback: the browser comes back from the provider. The
// checks, in order:
//
//  1. the query is at most maxCallback bytes, well formed, and has no parameter
//     of ours twice;
//  2. the state is ours and not expired;
//  3. this browser has the flow cookie of that state, so the user who approved
//     is the one who signed in (the confused deputy, CVE-2026-27124);
//     up to here a fault is a page and consumes nothing, from here on the cookie
//     is deleted and a fault is a redirect to the client;
//  4. the provider reports no error;
//  5. the provider proves who the user is (upstream.Exchange);
//  6. the user is welcome; if not, the user reads it on a page.
func (r *Room) Callback(ctx *fasthttp.RequestCtx) {
	base, ok := r.base(ctx)
	if !ok {
		return
	}
	params, fault := readCallback(string(ctx.URI().QueryString()), maxCallback)
	if fault != nil {
		r.show(ctx, *fault)
		return
	}
	state, request, fault := r.recognise(ctx, params.Get("state"))
	if fault != nil {
		r.show(ctx, *fault)
		return
	}
	r.dropCookie(ctx, r.flowName(state.Flow))
	client := replyTo(request, base)
	if params.Has("error") || params.Get("code") == "" {
		refused := relay(params.Get("error"))
		r.Log.Info("login refused by the provider", "event", "login", "client", request.Client, "decision", refused.Code)
		client.refuse(ctx, fasthttp.StatusFound, refused)
		return
	}
	upstreamCtx, cancel := upstreamContext()
	defer cancel()
	user, err := r.Provider.Exchange(upstreamCtx, flow(base, state.Secret), upstream.Response{Code: params.Get("code"), Issuer: params.Get("iss")})
	if err != nil {
		r.fail(ctx, fasthttp.StatusFound, client, "exchanging the provider's code", err)
		return
	}
	r.welcome(ctx, client, request, user)
}

// CallbackForm answers POST /callback of providers that use form_post. The flow
// cookie is SameSite=Lax and so not on this request, but it is on the GET that a
// 303 makes of it. Nothing is processed here.
func (r *Room) CallbackForm(ctx *fasthttp.RequestCtx) {
	base, ok := r.base(ctx)
	if !ok {
		return
	}
	form, ok := readForm(ctx)
	if !ok || repeatsOurs(form) {
		r.show(ctx, malformedCallback)
		return
	}
	query, separator := "", "?"
	for _, name := range callbackParams {
		if form.Has(name) {
			query += separator + name + "=" + escape(form.Get(name))
			separator = "&"
		}
	}
	if len(query) > maxReentry {
		r.show(ctx, malformedCallback)
		return
	}
	redirect(ctx, fasthttp.StatusSeeOther, base+"/callback"+query)
}

// readCallback does check 1.
func readCallback(query string, limit int) (oauth.Params, *pages.Fault) {
	if len(query) > limit {
		return oauth.Params{}, &malformedCallback
	}
	params, err := oauth.ParseParams(query)
	if err != nil || repeatsOurs(params) {
		return oauth.Params{}, &malformedCallback
	}
	return params, nil
}

// repeatsOurs looks at our parameters only: what a provider adds of its own is
// not read.
func repeatsOurs(p oauth.Params) bool { return slices.ContainsFunc(callbackParams, p.Repeated) }

// recognise does checks 2 and 3.
func (r *Room) recognise(ctx *fasthttp.RequestCtx, sealed string) (artifact.UpstreamState, artifact.AuthorizationRequest, *pages.Fault) {
	var none artifact.AuthorizationRequest
	state, err := r.OpenState.Open(sealed)
	if errors.Is(err, artifact.ErrExpired) {
		return state, none, &expiredState
	}
	if err != nil {
		return state, none, &invalidState
	}
	value, ok := cookie(ctx, r.flowName(state.Flow))
	if !ok {
		return state, none, &twoCookies
	}
	request, ok := r.arrive(state, value)
	if !ok {
		return state, none, &otherFlow
	}
	return state, request, nil
}

// relay translates a provider's error. Codes that mean the same to our client
// are kept; what is wrong between us and the provider is server_error. The
// provider's own text is dropped: anybody can write it into the URL.
func relay(code string) *oauth.Error {
	switch code {
	case oauth.AccessDenied, loginRequired, interactionRequired, consentRequired:
		return oauth.NewError(code, "the identity provider did not sign the user in")
	case oauth.TemporarilyUnavailable:
		return oauth.NewError(code, "the identity provider is not available, try again later")
	default:
		return oauth.NewError(oauth.ServerError, "the identity provider reported an error")
	}
}

// welcome does check 6 and hands the client its code.
func (r *Room) welcome(ctx *fasthttp.RequestCtx, client reply, request artifact.AuthorizationRequest, user upstream.Identity) {
	subject := string(artifact.DigestOf(user.Issuer + "\n" + user.Subject))
	log := r.Log.With("event", "login", "subject", subject, "provider_sub", user.Subject, "client", request.Client)
	if !r.Policy.Allows(user) {
		log.Warn("user is not allowed", "decision", "deny")
		r.Pages.Denied(ctx, pages.Denied{
			Account: account(user),
			Return:  client.error(oauth.NewError(oauth.AccessDenied, "this account is not allowed to use the server")),
		})
		return
	}
	code, err := r.SealCode.Seal(artifact.AuthorizationCode{
		User:        r.userOf(subject, user),
		Client:      request.Client,
		RedirectURI: artifact.DigestOf(request.RedirectURI),
		Challenge:   request.Challenge,
		Scope:       request.Scope,
		Resource:    request.Resource,
		NoRefresh:   request.NoRefresh,
	})
	if err != nil {
		r.fail(ctx, fasthttp.StatusFound, client, "sealing a code", err)
		return
	}
	log.Info("user logged in", "decision", "allow")
	redirect(ctx, fasthttp.StatusFound, client.code(code))
}

// userOf returns what the tokens will say of a user.
func (r *Room) userOf(subject string, user upstream.Identity) artifact.User {
	u := artifact.User{Subject: subject}
	if r.Claims.Email && user.EmailVerified {
		u.Email = user.Email
	}
	if r.Claims.Name {
		u.Name = user.Name
	}
	return u
}

// account is how a user knows the own account.
func account(user upstream.Identity) string {
	switch {
	case user.Email != "" && user.EmailVerified:
		return user.Email
	case user.Email != "":
		return user.Email + " (not verified by the provider)"
	case user.Name != "":
		return user.Name
	default:
		return user.Subject
	}
}

// fail tells the client that the login cannot go on and why in one word, and the
// log the rest. The provider's faults are warnings; the rest are our own.
func (r *Room) fail(ctx *fasthttp.RequestCtx, status int, client reply, doing string, err error) {
	refused, level := oauth.NewError(oauth.ServerError, "the login could not be completed; the log of the server says why"), slog.LevelError
	switch {
	case errors.Is(err, upstream.ErrUnavailable):
		refused, level = oauth.NewError(oauth.TemporarilyUnavailable, "the identity provider is not available, try again later"), slog.LevelWarn
	case errors.Is(err, upstream.ErrRefused):
		level = slog.LevelWarn
	}
	r.Log.Log(context.Background(), level, "login failed", "event", "login", "client", client.client, "decision", refused.Code, "doing", doing, "err", err)
	client.refuse(ctx, status, refused)
}
