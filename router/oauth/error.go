package oauth

import (
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/valyala/fasthttp"
)

// Error codes of RFC 6749 §4.1.2.1 and §5.2, RFC 7591 §3.2.2 and RFC 8707 §2.
const (
	InvalidRequest           = "invalid_request"
	InvalidClient            = "invalid_client"
	InvalidGrant             = "invalid_grant"
	InvalidScope             = "invalid_scope"
	InvalidTarget            = "invalid_target"
	InvalidRedirectURI       = "invalid_redirect_uri"
	InvalidClientMetadata    = "invalid_client_metadata"
	InvalidSoftwareStatement = "invalid_software_statement"
	UnsupportedGrantType     = "unsupported_grant_type"
	UnsupportedResponseType  = "unsupported_response_type"
	AccessDenied             = "access_denied"
	ServerError              = "server_error"
	TemporarilyUnavailable   = "temporarily_unavailable"
)

// Error is a protocol error: safe to show to the client, and meant to help the
// person who debugs it. The cause, if there is one worth keeping, goes to the
// log and not in here.
type Error struct {
	Code        string // one of the constants
	Description string // ASCII without quotes and backslashes (RFC 6749 §5.2)
	Status      int    // HTTP status; zero means 400
}

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Description }

// NewError returns an error with status 400.
func NewError(code, description string) *Error { return &Error{Code: code, Description: description} }

// retryAfter is the Retry-After of 503 answers, in seconds.
const retryAfter = 2

// WriteError answers with the JSON form of RFC 6749 §5.2. It is the only place
// where a protocol error becomes bytes.
func WriteError(ctx *fasthttp.RequestCtx, e *Error) {
	status := e.Status
	if status == 0 {
		status = fasthttp.StatusBadRequest
	}
	if status == fasthttp.StatusServiceUnavailable {
		ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, strconv.Itoa(retryAfter))
	}
	WriteJSON(ctx, status, struct {
		Error       string `json:"error"`
		Description string `json:"error_description,omitempty"`
	}{e.Code, e.Description})
}

// WriteJSON answers with a JSON document that no cache may keep. Public
// documents set their own Cache-Control afterwards.
func WriteJSON(ctx *fasthttp.RequestCtx, status int, document any) {
	body, err := json.Marshal(document)
	if err != nil {
		panic("oauth: encoding a response: " + err.Error()) // a type that cannot be encoded
	}
	BeginJSON(ctx, status)
	ctx.SetBody(body)
}

// BeginJSON writes the head of such an answer. The body is the caller's to
// write: strict JSON.
func BeginJSON(ctx *fasthttp.RequestCtx, status int) {
	ctx.SetStatusCode(status)
	ctx.SetContentType("application/json")
	ctx.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
	ctx.Response.Header.Set(fasthttp.HeaderPragma, "no-cache")
}
