package authorize

import (
	"log/slog"

	"github.com/valyala/fasthttp"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/router/client"
	"mcp-oauth-server/router/oauth"
	"mcp-oauth-server/router/pages"
	"mcp-oauth-server/router/upstream"
)

// Room is the login. All fields are REQUIRED; they are set once and not changed.
type Room struct {
	Site    oauth.Site
	Clients *client.Resolver

	SealTicket artifact.Sealer[artifact.ConsentTicket]
	OpenTicket artifact.Opener[artifact.ConsentTicket]
	SealState  artifact.Sealer[artifact.UpstreamState]
	OpenState  artifact.Opener[artifact.UpstreamState]
	SealLong   artifact.Sealer[artifact.LongState]
	OpenLong   artifact.Opener[artifact.LongState]
	SealCode   artifact.Sealer[artifact.AuthorizationCode]

	Provider *upstream.Provider
	Policy   Policy
	Claims   Claims

	Pages *pages.Set
	Log   *slog.Logger
}

// Claims says what of a profile goes into codes and so into tokens
// (TOKEN_CLAIMS). The zero value means nothing does.
type Claims struct {
	Email bool // only when the provider says that it is verified
	Name  bool
}

// base returns this server's own address as the browser knows it. A foreign host
// name is answered here: it is DNS rebinding.
func (r *Room) base(ctx *fasthttp.RequestCtx) (string, bool) {
	base, ok := r.Site.Base(ctx.Host())
	if !ok {
		r.show(ctx, foreignHost)
	}
	return base, ok
}

// show ends a request with a page, because no client has proven to be the one to
// tell. The log gets the same reason and nothing of the request.
func (r *Room) show(ctx *fasthttp.RequestCtx, fault pages.Fault) {
	r.Log.Info("login stopped", "event", "login_stopped", "path", string(ctx.Path()), "reason", fault.Title)
	r.Pages.Fault(ctx, fault)
}

// redirect sends the browser on: 302 after a GET, 303 after a POST and never 307,
// which would send the form along (RFC 9700 §4.12). The Location is written as
// it is; RequestCtx.Redirect would rewrite a client's URI.
func redirect(ctx *fasthttp.RequestCtx, status int, location string) {
	h := &ctx.Response.Header
	h.Set(fasthttp.HeaderLocation, location)
	h.Set(fasthttp.HeaderCacheControl, "no-store")
	h.Set(fasthttp.HeaderReferrerPolicy, "no-referrer")
	ctx.SetStatusCode(status)
}
