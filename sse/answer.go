package sse

import (
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"

	"mcp-oauth-server/tools"
)

// retryAfter is what a refused client should wait, in seconds.
const retryAfter = 5

// problem answers an error of HTTP or OAuth: everything before the protocol.
// Whoever floods the server with garbage gets this, so it costs little.
func (v *visit) problem(status int, code, description string) {
	body := append(append(append(v.room[:0], `{"error":"`...), code...), `","error_description":`...)
	body, err := jsontext.AppendQuote(body, description)
	if err != nil {
		panic(err) // our own words
	}
	v.http.SetStatusCode(status)
	v.send(append(body, '}'))
}

// rpcError answers an error of the protocol. The id is left out: the message
// was not read, or there was none.
func (v *visit) rpcError(status, code int, message string) {
	v.json(status, rpcFailure(code, message))
}

// failure is a JSON-RPC error response without an id.
type failure struct {
	Version string `json:"jsonrpc"`
	Error   struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

func rpcFailure(code int, message string) failure {
	f := failure{Version: "2.0"}
	f.Error.Code, f.Error.Message = code, message
	return f
}

// broken is the JSON-RPC error for a mistake of ours; requestID leads to it in
// the log.
func broken(requestID tools.RequestID) []byte {
	text, err := json.Marshal(rpcFailure(-32603, "internal error, request "+requestID.String()))
	if err != nil {
		panic(err) // our own struct of strings and numbers
	}
	return text
}

// notAllowed answers 405, which is no fault: clients try a GET, and take this for
// "no". It has no body, because no client reads one here.
func (v *visit) notAllowed(allow string) {
	v.http.Response.Header.Set(fasthttp.HeaderAllow, allow)
	v.http.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
	v.http.SetStatusCode(fasthttp.StatusMethodNotAllowed)
}

// busy answers 429 or 503 and says when to come again.
func (v *visit) busy(status int, code, description string) {
	v.http.Response.Header.Set(fasthttp.HeaderRetryAfter, strconv.Itoa(retryAfter))
	v.problem(status, code, description)
}

func (v *visit) json(status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // our own structs of strings and numbers
	}
	v.http.SetStatusCode(status)
	v.send(text)
}

var (
	authenticate          = []byte("Www-Authenticate") // as fasthttp spells it
	cacheControl, noStore = []byte(fasthttp.HeaderCacheControl), []byte("no-store")
)

// send sets the body of an answer. Answers are about one user and must not be
// kept by anything on the way. A short one is copied, into the HTTP server's
// buffer: it may be in the visit's room, which ends before it is sent.
func (v *visit) send(body []byte) {
	h := &v.http.Response.Header
	h.SetContentType("application/json")
	h.SetCanonical(cacheControl, noStore)
	if len(body) <= roomSize {
		v.used = len(body)
		v.http.Response.SetBody(body)
	} else {
		v.http.Response.SetBodyRaw(body)
	}
}
