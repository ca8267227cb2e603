// Package discovery is the room of the documents by which clients find their
// way: what this server can do (RFC 8414), what it protects (RFC 9728) and the
// keys behind its signatures (RFC 7517).
//
//	GET /.well-known/oauth-authorization-server        also with /sse and /mcp behind it
//	GET /.well-known/oauth-protected-resource          the /sse resource; also with /sse
//	GET /.well-known/oauth-protected-resource/mcp      the /mcp resource
//	GET /jwks.json
//
// The documents name only what works. Everything in them comes from the
// configuration; in loopback mode the host name follows the request, so that the
// documents agree with the address a person typed. The room reads no other
// header and no query, so no cache can be given a document of a stranger's
// making.
package discovery

import (
	"github.com/valyala/fasthttp"

	"mcp-oauth-server/router/oauth"
)

// Room answers the discovery documents.
type Room struct {
	Site   oauth.Site
	KeySet []byte // the JWKS: public keys only
	Name   string // of the protected resource, for people
}

// cacheFor lets caches keep a document for five minutes.
const cacheFor = "public, max-age=300"

// authorizationServer is the metadata of RFC 8414 §2.
type authorizationServer struct {
	Issuer                string   `json:"issuer"` // REQUIRED; byte for byte the one of the other documents
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	TokenEndpoint         string   `json:"token_endpoint"`
	RegistrationEndpoint  string   `json:"registration_endpoint"`
	KeySet                string   `json:"jwks_uri"`
	Scopes                []string `json:"scopes_supported"`
	ResponseTypes         []string `json:"response_types_supported"` // REQUIRED
	ResponseModes         []string `json:"response_modes_supported"`
	GrantTypes            []string `json:"grant_types_supported"`
	AuthMethods           []string `json:"token_endpoint_auth_methods_supported"`
	ChallengeMethods      []string `json:"code_challenge_methods_supported"`               // RFC 7636; clients refuse a server without it
	SendsIssuer           bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207 §3
	Documentation         string   `json:"service_documentation"`
}

// protectedResource is the metadata of RFC 9728 §2.
type protectedResource struct {
	Resource             string   `json:"resource"` // REQUIRED; clients compare it with the URL they were given
	AuthorizationServers []string `json:"authorization_servers"`
	Scopes               []string `json:"scopes_supported"`
	BearerMethods        []string `json:"bearer_methods_supported"`
	Name                 string   `json:"resource_name"`
}

// AuthorizationServer answers GET /.well-known/oauth-authorization-server.
func (r Room) AuthorizationServer(ctx *fasthttp.RequestCtx) {
	base, ok := r.base(ctx)
	if !ok {
		return
	}
	r.write(ctx, authorizationServer{
		Issuer:                base,
		AuthorizationEndpoint: base + "/authorize",
		TokenEndpoint:         base + "/token",
		RegistrationEndpoint:  base + "/register",
		KeySet:                base + "/jwks.json",
		// offline_access stands only here: some clients ask for refresh tokens
		// only if they read it, and none may be told that the resource needs it.
		Scopes:           []string{oauth.ScopeTools, oauth.ScopeOffline},
		ResponseTypes:    []string{"code"},
		ResponseModes:    []string{"query"},
		GrantTypes:       []string{"authorization_code", "refresh_token"},
		AuthMethods:      []string{"none"},
		ChallengeMethods: []string{"S256"},
		SendsIssuer:      true,
		Documentation:    base + "/",
	})
}

// ProtectedResource returns the handler of the document of one resource path,
// "/sse" or "/mcp".
func (r Room) ProtectedResource(path string) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		base, ok := r.base(ctx)
		if !ok {
			return
		}
		r.write(ctx, protectedResource{
			Resource:             base + path,
			AuthorizationServers: []string{base},
			Scopes:               []string{oauth.ScopeTools},
			BearerMethods:        []string{"header"},
			Name:                 r.Name,
		})
	}
}

// JWKS answers GET /jwks.json.
func (r Room) JWKS(ctx *fasthttp.RequestCtx) {
	ctx.SetContentType("application/json")
	ctx.Response.Header.Set(fasthttp.HeaderCacheControl, cacheFor)
	ctx.SetBody(r.KeySet)
}

// base returns the base URL for this request. A foreign Host in loopback mode is
// a DNS rebinding attack and is answered with 421.
func (r Room) base(ctx *fasthttp.RequestCtx) (string, bool) {
	base, ok := r.Site.Base(ctx.Host())
	if !ok {
		oauth.WriteError(ctx, &oauth.Error{
			Code:        oauth.InvalidRequest,
			Description: "this server answers to localhost, 127.0.0.1 and [::1] only",
			Status:      fasthttp.StatusMisdirectedRequest,
		})
	}
	return base, ok
}

// write answers with a document. In loopback mode it depends on the Host header,
// which caches cannot be trusted to heed.
func (r Room) write(ctx *fasthttp.RequestCtx, document any) {
	oauth.WriteJSON(ctx, fasthttp.StatusOK, document)
	if !r.Site.Loopback() {
		ctx.Response.Header.Set(fasthttp.HeaderCacheControl, cacheFor)
		ctx.Response.Header.Del(fasthttp.HeaderPragma)
	}
}
