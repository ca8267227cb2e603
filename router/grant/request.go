package grant

import (
	"encoding/base64"
	"mime"
	"net/url"
	"strings"

	"github.com/valyala/fasthttp"

	"mcp-oauth-server/router/oauth"
)

const (
	// MaxBody is the largest token request, in bytes.
	MaxBody = 64 << 10
	// maxValue is the longest parameter, in bytes. No artifact is that long.
	maxValue = 8 << 10
)

// The grant types of this server (RFC 6749 §4.1.3, §6).
const (
	grantCode    = "authorization_code"
	grantRefresh = "refresh_token"
)

// request is a token request, read once at the door into strings of its own.
type request struct {
	grantType    string
	clientID     string
	secret       string // not empty only if the client claims to have one
	code         string
	verifier     string
	redirectURI  string
	refreshToken string
	resource     string
	scope        string
}

// readRequest reads the form and the Authorization header. Only the body counts:
// what stands in a query is in every log on the way.
func readRequest(ctx *fasthttp.RequestCtx) (request, error) {
	if err := checkEnvelope(ctx); err != nil {
		return request{}, err
	}
	form, err := oauth.ParseParams(string(ctx.PostBody()))
	if err != nil {
		return request{}, badRequest("the body is not valid application/x-www-form-urlencoded text")
	}
	req, err := parseForm(form)
	if err != nil {
		return request{}, err
	}
	headers := ctx.Request.Header.PeekAll(fasthttp.HeaderAuthorization)
	switch len(headers) {
	case 0:
		return req, req.checkClientID()
	case 1:
		if err := req.authenticateBasic(string(headers[0]), form.Has("client_secret")); err != nil {
			return request{}, err
		}
		return req, req.checkClientID()
	default:
		return request{}, badRequest("there is more than one Authorization header")
	}
}

// checkEnvelope looks at all but the contents of the body.
func checkEnvelope(ctx *fasthttp.RequestCtx) error {
	switch {
	case len(ctx.PostBody()) > MaxBody:
		return &oauth.Error{Code: oauth.InvalidRequest, Description: "the body is larger than 64 KB", Status: fasthttp.StatusRequestEntityTooLarge}
	case !isForm(ctx.Request.Header.ContentType()):
		return badRequest("send the parameters as Content-Type: application/x-www-form-urlencoded")
	case len(ctx.Request.Header.ContentEncoding()) != 0:
		return badRequest("a compressed body is not supported")
	case len(ctx.URI().QueryString()) != 0:
		return badRequest("parameters belong in the body, not in the query")
	}
	return nil
}

const formType = "application/x-www-form-urlencoded"

// isForm says whether a Content-Type is that of a form. Most clients send it
// bare, which needs no parser.
func isForm(contentType []byte) bool {
	if string(contentType) == formType {
		return true
	}
	media, _, err := mime.ParseMediaType(string(contentType))
	return err == nil && media == formType
}

// parseForm takes the parameters of a grant and checks their shape, so that no
// key is touched for a request that cannot succeed.
func parseForm(form oauth.Params) (request, error) {
	if form.Repeated("resource") {
		return request{}, oauth.NewError(oauth.InvalidTarget, "there is one resource per token; resource is given more than once")
	}
	if form.AnyRepeated() != "" {
		return request{}, badRequest("a parameter is given more than once")
	}
	req := request{
		grantType:    form.Get("grant_type"),
		clientID:     form.Get("client_id"),
		secret:       form.Get("client_secret"),
		code:         form.Get("code"),
		verifier:     form.Get("code_verifier"),
		redirectURI:  form.Get("redirect_uri"),
		refreshToken: form.Get("refresh_token"),
		resource:     form.Get("resource"),
		scope:        form.Get("scope"),
	}
	for _, value := range []string{req.clientID, req.code, req.redirectURI, req.refreshToken, req.resource, req.scope} {
		if len(value) > maxValue {
			return request{}, badRequest("a parameter is longer than 8 KB")
		}
	}
	return req, req.checkGrant()
}

// checkGrant checks that the grant type is served and has what it needs.
func (req request) checkGrant() error {
	switch {
	case req.grantType == "":
		return badRequest("grant_type is missing")
	case req.grantType == grantCode && req.code == "":
		return badRequest("code is missing")
	case req.grantType == grantCode && req.verifier == "":
		return badRequest("code_verifier is missing; PKCE is required")
	case req.grantType == grantCode && !isVerifier(req.verifier):
		return badRequest("code_verifier is not 43 to 128 characters of A-Z a-z 0-9 - . _ ~")
	case req.grantType == grantRefresh && req.refreshToken == "":
		return badRequest("refresh_token is missing")
	case req.grantType != grantCode && req.grantType != grantRefresh:
		return oauth.NewError(oauth.UnsupportedGrantType, "grant_type is neither authorization_code nor refresh_token")
	}
	return nil
}

// maxVerifier is the longest code_verifier, in characters.
const maxVerifier = 128

// isVerifier checks the grammar of RFC 7636 §4.1.
func isVerifier(s string) bool {
	if len(s) < 43 || len(s) > maxVerifier {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '.', c == '_', c == '~':
		default:
			return false
		}
	}
	return true
}

// authenticateBasic takes the client_id from an Authorization header (RFC 6749
// §2.3.1). Some clients send one with an empty secret although they registered
// without; it must then agree with the body.
func (req *request) authenticateBasic(header string, secretInBody bool) error {
	id, secret, ok := parseBasic(header)
	switch {
	case !ok:
		return invalidClient("the Authorization header is not well-formed Basic authentication")
	case secretInBody:
		return badRequest("the client authenticates in two ways at once")
	case req.clientID != "" && req.clientID != id:
		return invalidClient("the Authorization header and the body name different clients")
	}
	req.clientID, req.secret = id, secret
	return nil
}

// parseBasic reads Basic credentials, whose two halves are form-encoded.
func parseBasic(header string) (id, secret string, ok bool) {
	scheme, encoded, found := strings.Cut(header, " ")
	if !found || !strings.EqualFold(scheme, "Basic") {
		return "", "", false
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return "", "", false
	}
	rawID, rawSecret, found := strings.Cut(string(decoded), ":")
	id, err1 := url.QueryUnescape(rawID)
	secret, err2 := url.QueryUnescape(rawSecret)
	return id, secret, found && err1 == nil && err2 == nil && id != ""
}

func (req request) checkClientID() error {
	if req.clientID == "" {
		return invalidClient("client_id is missing")
	}
	return nil
}

func badRequest(description string) error {
	return oauth.NewError(oauth.InvalidRequest, description)
}

// invalidClient makes a client forget its registration and register again.
func invalidClient(description string) error {
	return &oauth.Error{Code: oauth.InvalidClient, Description: description, Status: fasthttp.StatusUnauthorized}
}
