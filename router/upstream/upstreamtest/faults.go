package upstreamtest

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
)

// Faults are switches; the zero value is a provider that behaves.
type Faults struct {
	// Answers replaces the answer of an endpoint.
	Answers map[Endpoint]Answer
	// AuthMethod is the only client authentication the token endpoint takes: "basic", "post", or "" for both.
	AuthMethod string
	// Deny makes the user refuse: the callback gets error=access_denied.
	Deny bool
	// NoIDToken leaves the ID token out of the token response.
	NoIDToken bool
	// Signature says how ID tokens are signed; the zero value is right.
	Signature Signature
	// Metadata, Claims, UserinfoClaims and KeySet change the documents before they are sent.
	Metadata       func(document map[string]any)
	Claims         func(claims map[string]any)
	UserinfoClaims func(claims map[string]any)
	KeySet         func(keys []any) []any
}

// Answer is a way not to answer properly.
type Answer string

// The answers. Each is complete HTTP unless it says otherwise.
const (
	Reset        Answer = "the connection is cut"
	Slow         Answer = "nothing comes"
	Drip         Answer = "a header comes, and then no body"
	HTML         Answer = "a page with status 200"
	Status500    Answer = "status 500"
	Status503    Answer = "status 503"
	Status404    Answer = "status 404"
	Status401    Answer = "status 401 without a body"
	Error200     Answer = "an OAuth error with status 200"
	Grant400     Answer = "invalid_grant"
	Huge         Answer = "10 MB of JSON"
	Bomb         Answer = "10 MB of JSON, compressed"
	RedirectAway Answer = "a redirect to Redirected"
	Duplicate    Answer = "JSON with a name twice"
	Empty        Answer = "an empty JSON object"
)

// Redirected is where [RedirectAway] points, on the same server. Its [Server.Hits] must stay 0.
const Redirected Endpoint = "/internal"

// Marker is in every body that [Answer] sends: it must appear in no error and in no log.
const Marker = "MARKER-OF-THE-PROVIDER"

// misbehave sends the answer and says whether there was one to send.
func (s *Server) misbehave(w http.ResponseWriter, r *http.Request, a Answer) bool {
	page := func(status int, contentType, body string) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
	switch a {
	case "":
		return false
	case Reset:
		panic(http.ErrAbortHandler)
	case Slow:
		s.wait(r)
		panic(http.ErrAbortHandler)
	case Drip:
		w.Header().Set("Content-Length", "1000")
		io.WriteString(w, `{"`)
		http.NewResponseController(w).Flush()
		s.wait(r)
		panic(http.ErrAbortHandler)
	case HTML:
		page(200, "text/html", "<!doctype html><title>"+Marker+"</title>")
	case Status500:
		page(500, "text/plain", Marker)
	case Status503:
		page(503, "text/html", "<h1>"+Marker+"</h1>")
	case Status404:
		page(404, "text/plain", Marker)
	case Status401:
		page(401, "text/plain", "")
	case Error200:
		page(200, "application/json", `{"error":"`+Marker+`","error_description":"`+Marker+`"}`)
	case Grant400:
		page(400, "application/json", `{"error":"invalid_grant","error_description":"`+Marker+`"}`)
	case Huge:
		w.Header().Set("Content-Type", "application/json")
		w.Write(big())
	case Bomb:
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		z.Write(big())
		z.Close()
	case RedirectAway:
		http.Redirect(w, r, string(Redirected), http.StatusTemporaryRedirect)
	case Duplicate:
		page(200, "application/json", `{"issuer":"`+Marker+`","issuer":"`+s.Issuer+`","keys":[],"keys":[],"sub":"a","sub":"b"}`)
	case Empty:
		page(200, "application/json", `{}`)
	default:
		panic("upstreamtest: unknown answer " + string(a))
	}
	return true
}

// wait holds the request until its client or this server gives up.
func (s *Server) wait(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-s.closed:
	}
}

func big() []byte {
	return append(append([]byte(`{"access_token":"`+Marker), bytes.Repeat([]byte("a"), 10<<20)...), `"}`...)
}
