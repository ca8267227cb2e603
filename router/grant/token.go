package grant

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/valyala/fasthttp"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/crypto/replay"
	"mcp-oauth-server/router/client"
	"mcp-oauth-server/router/oauth"
)

// Room answers POST /token. All fields are required, and set before the first
// request.
type Room struct {
	Clients     *client.Resolver
	OpenCode    artifact.Opener[artifact.AuthorizationCode]
	OpenRefresh artifact.Opener[artifact.RefreshToken]
	SealAccess  artifact.Sealer[artifact.AccessToken]
	SealRefresh artifact.Sealer[artifact.RefreshToken]
	Guard       replay.Guard // of authorization codes
	Site        oauth.Site
	Lifetimes   artifact.Lifetimes // of the vault behind the sealers
	Now         func() time.Time
	Log         *slog.Logger
}

// Token answers POST /token.
func (r *Room) Token(ctx *fasthttp.RequestCtx) {
	entry := entry{event: "token"}
	answer, err := r.decide(ctx, &entry)
	if err != nil {
		r.refuse(ctx, entry, err)
		return
	}
	r.record(slog.LevelInfo, "token issued", entry)
	answer.write(ctx)
}

// decide is the whole decision, in phases; the first that fails ends it.
//
//  1. parse: the request as such, before any cryptography
//  2. client: the client_id opens, and no secret is claimed for it
//  3. grant: the code or refresh token opens, was given to this client, and
//     what proves its possession fits; nothing is spent yet
//  4. resource: the one of the grant, if one is named
//  5. spend: a code only once, and only after all else is right
//  6. mint
func (r *Room) decide(ctx *fasthttp.RequestCtx, log *entry) (tokens, error) {
	req, err := readRequest(ctx)
	if err != nil {
		return tokens{}, err
	}
	log.event = req.grantType
	c, err := r.authenticate(req)
	if err != nil {
		return tokens{}, err
	}
	log.client = c.ID
	g, err := r.open(req, c)
	if err != nil {
		return tokens{}, err
	}
	log.subject = g.user.Subject
	if err := r.checkResource(req, g); err != nil {
		return tokens{}, err
	}
	if err := r.spend(g); err != nil {
		return tokens{}, err
	}
	return r.mint(g)
}

// authenticate resolves the client. It is public, so there is nothing to prove;
// but a secret that this server never issued is a sign that the client means
// another registration, and is refused.
func (r *Room) authenticate(req request) (client.Client, error) {
	if req.secret != "" {
		return client.Client{}, invalidClient("this client has no secret; send client_id alone")
	}
	c, err := r.Clients.Resolve(req.clientID)
	if err != nil {
		return client.Client{}, invalidClient("the client_id is not known here; register again")
	}
	return c, nil
}

// checkResource compares the resource parameter, if there is one, with that of
// the grant (RFC 8707 §2.2). A token is never for another audience than the one
// the user saw.
func (r *Room) checkResource(req request, g grant) error {
	if req.resource == "" {
		return nil
	}
	resource, ok := r.Site.Resource(req.resource)
	if !ok || !r.Site.SameResource(resource, g.resource) {
		return oauth.NewError(oauth.InvalidTarget, "the resource is not the one that was authorized")
	}
	return nil
}

// spend marks a code as used. If the guard cannot tell, nothing is used up and
// the client may try again: invalid_grant would make it forget the login.
func (r *Room) spend(g grant) error {
	if g.codeID == "" {
		return nil
	}
	// The request's own context is not passed on: a guard may keep its context for
	// longer than the handler lives, and the request's memory is used again then.
	switch err := r.Guard.Spend(context.Background(), g.codeID, g.codeExpires); {
	case errors.Is(err, replay.ErrSpent):
		return oauth.NewError(oauth.InvalidGrant, "the authorization code was used before")
	case err != nil:
		return &oauth.Error{
			Code:        oauth.TemporarilyUnavailable,
			Description: "the code cannot be checked for reuse right now; it is still good, try again",
			Status:      fasthttp.StatusServiceUnavailable,
		}
	}
	return nil
}

// refuse answers with the error. What is no protocol error is this server's own
// fault: its words are for the log.
func (r *Room) refuse(ctx *fasthttp.RequestCtx, log entry, err error) {
	var e *oauth.Error
	if !errors.As(err, &e) {
		r.record(slog.LevelError, "token not issued", log, slog.Any("err", err))
		oauth.WriteError(ctx, &oauth.Error{Code: oauth.ServerError, Description: "the token could not be issued", Status: 500})
		return
	}
	r.record(slog.LevelInfo, "token refused", log, slog.String("err", e.Code), slog.String("reason", e.Description))
	if e.Code == oauth.InvalidClient && len(ctx.Request.Header.Peek(fasthttp.HeaderAuthorization)) > 0 {
		ctx.Response.Header.Set(fasthttp.HeaderWWWAuthenticate, `Basic realm="token"`) // RFC 6749 §5.2
	}
	oauth.WriteError(ctx, e)
}

// entry is what the log tells of a decision: who, never what with.
type entry struct {
	event   string
	client  artifact.Digest
	subject string
}

// record writes a line, and makes nothing of one that nobody reads.
func (r *Room) record(level slog.Level, message string, e entry, more ...slog.Attr) {
	if !r.Log.Enabled(context.Background(), level) {
		return
	}
	attrs := append([]slog.Attr{
		slog.String("event", e.event),
		slog.String("client", string(e.client)),
		slog.String("subject", e.subject),
	}, more...)
	r.Log.LogAttrs(context.Background(), level, message, attrs...)
}
