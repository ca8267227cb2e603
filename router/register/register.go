package register

import (
	"errors"
	"log/slog"
	"mime"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/router/oauth"
)

// MaxBody is the largest registration, in bytes.
const MaxBody = 64 << 10

// Room answers POST /register. All fields are required.
type Room struct {
	Seal artifact.Sealer[artifact.ClientRegistration]
	Site oauth.Site
	Now  func() time.Time
	Log  *slog.Logger
}

// response is the client information response of RFC 7591 §3.2.1. What is empty
// is left out: clients reject null and "" where they expect a URL.
type response struct {
	ClientID        string   `json:"client_id"`
	IssuedAt        int64    `json:"client_id_issued_at"` // Unix seconds
	RedirectURIs    []string `json:"redirect_uris"`
	Name            string   `json:"client_name,omitzero"`
	GrantTypes      []string `json:"grant_types"`
	ResponseTypes   []string `json:"response_types"`
	AuthMethod      string   `json:"token_endpoint_auth_method"`
	Scope           string   `json:"scope"`
	ApplicationType string   `json:"application_type,omitzero"`
	ClientURI       string   `json:"client_uri,omitzero"`
	LogoURI         string   `json:"logo_uri,omitzero"`
	TermsURI        string   `json:"tos_uri,omitzero"`
	PolicyURI       string   `json:"policy_uri,omitzero"`
}

// Register answers POST /register.
func (r Room) Register(ctx *fasthttp.RequestCtx) {
	m, refusal := r.read(ctx)
	if refusal != nil {
		r.refuse(ctx, refusal)
		return
	}
	clientID, err := r.Seal.Seal(m.registration())
	switch {
	case errors.Is(err, artifact.ErrTooLong):
		r.refuse(ctx, oauth.NewError(oauth.InvalidClientMetadata,
			"the registration is too large for a client_id: register fewer or shorter redirect_uris"))
	case err != nil:
		r.Log.Error("registration not sealed", "event", "register", "err", err)
		oauth.WriteError(ctx, &oauth.Error{Code: oauth.ServerError, Description: "the registration could not be sealed", Status: 500})
	default:
		r.Log.Info("client registered", "event", "register", "client", artifact.DigestOf(clientID), "name", m.Name, "redirect_uris", len(m.RedirectURIs))
		oauth.WriteJSON(ctx, fasthttp.StatusCreated, m.response(clientID, r.Now()))
	}
}

// read takes the metadata from the request: size, then type, then contents.
// Only application/json is read, because a web page can send every other type
// across origins without asking first.
func (r Room) read(ctx *fasthttp.RequestCtx) (metadata, *oauth.Error) {
	body := ctx.PostBody()
	if len(body) > MaxBody {
		return metadata{}, &oauth.Error{Code: oauth.InvalidClientMetadata, Description: "the body is larger than 64 KB", Status: fasthttp.StatusRequestEntityTooLarge}
	}
	if !isJSON(string(ctx.Request.Header.ContentType())) || len(ctx.Request.Header.ContentEncoding()) != 0 {
		return metadata{}, &oauth.Error{Code: oauth.InvalidClientMetadata, Description: "send the metadata as Content-Type: application/json, not compressed", Status: fasthttp.StatusUnsupportedMediaType}
	}
	return parse(body, r.Site)
}

func isJSON(contentType string) bool {
	media, params, err := mime.ParseMediaType(contentType)
	charset, given := params["charset"]
	return err == nil && media == "application/json" && (!given || strings.EqualFold(charset, "utf-8"))
}

func (r Room) refuse(ctx *fasthttp.RequestCtx, e *oauth.Error) {
	r.Log.Info("registration refused", "event", "register", "err", e.Code, "reason", e.Description)
	oauth.WriteError(ctx, e)
}
