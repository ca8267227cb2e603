package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// wire sends bytes to a replica as they are and returns the statuses of the answers, and whether the server then closed
// the connection. HOST in the text is the server.
func (g *target) wire(t *testing.T, text string) (statuses []int, closed bool, raw string) {
	t.Helper()
	conn, err := net.Dial("tcp", g.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go io.WriteString(conn, strings.ReplaceAll(text, "HOST", "localhost:"+g.watch.port)) // the server may close first
	var got strings.Builder
	reader := bufio.NewReader(io.TeeReader(conn, &got))
	for {
		// The first answer may take its time on a busy machine; after it, silence means that the connection stays open.
		wait := 500 * time.Millisecond
		if len(statuses) == 0 {
			wait = 5 * time.Second
		}
		_ = conn.SetReadDeadline(time.Now().Add(wait))
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			return statuses, !timedOut(err), got.String()
		}
		io.Copy(io.Discard, response.Body) // the statuses are what counts
		response.Body.Close()
		if response.StatusCode != http.StatusContinue {
			statuses = append(statuses, response.StatusCode)
		}
	}
}

// timedOut says whether reading ended because nothing came.
func timedOut(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

// What two HTTP parsers in a row may read differently is refused and ends the connection: nothing behind it is taken
// for a request of its own.
func TestAmbiguousRequestsEndTheConnection(t *testing.T) {
	t.Parallel()
	g, _ := attackBehind(t)
	const get = "GET /healthz HTTP/1.1\r\nHost: HOST\r\n"
	const post = "POST /token HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/x-www-form-urlencoded\r\n"
	const smuggled = "GET /jwks.json HTTP/1.1\r\nHost: HOST\r\n\r\n" // would be answered with 200
	for name, text := range map[string]string{
		"length and chunks":             post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"chunks and length":             post + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
		"chunks and length, disguised":  post + "Transfer-Encoding: chunked\r\ncontent-LENGTH: 4\r\n\r\n0\r\n\r\n",
		"two lengths":                   post + "Content-Length: 0\r\nContent-Length: 5\r\n\r\nabcde",
		"the same length twice":         post + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
		"a list of lengths":             post + "Content-Length: 0, 0\r\n\r\n",
		"a signed length":               post + "Content-Length: +0\r\n\r\n",
		"a negative length":             post + "Content-Length: -1\r\n\r\n",
		"a hexadecimal length":          post + "Content-Length: 0x0\r\n\r\n",
		"a huge length":                 post + "Content-Length: 99999999999999999999\r\n\r\n",
		"an empty length":               post + "Content-Length: \r\n\r\n",
		"two encodings":                 post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"xchunked":                      post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		"gzip, chunked":                 post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"chunked, identity":             post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
		"identity":                      post + "Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n",
		"chunked behind a tab":          post + "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
		"chunks in HTTP/1.0":            strings.Replace(post, "1.1", "1.0", 1) + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"a line feed in an extension":   post + "Transfer-Encoding: chunked\r\n\r\n0;x\ny\r\n\r\n",
		"a chunk size ended by LF":      post + "Transfer-Encoding: chunked\r\n\r\n0\n\r\n",
		"a chunk size of 17 digits":     post + "Transfer-Encoding: chunked\r\n\r\n00000000000000001\r\nx\r\n0\r\n\r\n",
		"a chunk without its end":       post + "Transfer-Encoding: chunked\r\n\r\n1\r\nxyz0\r\n\r\n",
		"a negative chunk":              post + "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
		"a trailer that frames":         post + "Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n",
		"NUL in a header":               get + "X: a\x00b\r\n\r\n",
		"CR in a header":                get + "X: a\rb\r\n\r\n",
		"a space before the colon":      get + "X : a\r\n\r\n",
		"a header without a colon":      get + "X\r\n\r\n",
		"a header without a name":       get + ": x\r\n\r\n",
		"a header in brackets":          get + "X(y): a\r\n\r\n",
		"a folded header":               get + "X: a\r\n b\r\n\r\n",
		"a folded first header":         "GET /healthz HTTP/1.1\r\n Host: HOST\r\n\r\n",
		"no Host":                       "GET /healthz HTTP/1.1\r\n\r\n",
		"two Hosts":                     get + "Host: HOST\r\n\r\n",
		"a list of Hosts":               "GET /healthz HTTP/1.1\r\nHost: HOST, evil.example\r\n\r\n",
		"a Host that is a URL":          "GET /healthz HTTP/1.1\r\nHost: http://HOST/\r\n\r\n",
		"a Host with user information":  "GET /healthz HTTP/1.1\r\nHost: evil@HOST\r\n\r\n",
		"HTTP/0.9":                      "GET /healthz\r\n\r\n",
		"HTTP/1.9":                      "GET /healthz HTTP/1.9\r\nHost: HOST\r\n\r\n",
		"HTTP/2.0":                      "GET /healthz HTTP/2.0\r\nHost: HOST\r\n\r\n",
		"the preface of HTTP/2":         "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"http/1.1":                      "GET /healthz http/1.1\r\nHost: HOST\r\n\r\n",
		"a fragment":                    "GET /healthz#x HTTP/1.1\r\nHost: HOST\r\n\r\n",
		"a space in the target":         "GET /heal thz HTTP/1.1\r\nHost: HOST\r\n\r\n",
		"two spaces":                    "GET  /healthz HTTP/1.1\r\nHost: HOST\r\n\r\n",
		"a control character as target": "GET /\x01 HTTP/1.1\r\nHost: HOST\r\n\r\n",
		"no target":                     "GET HTTP/1.1\r\nHost: HOST\r\n\r\n",
		"a method with brackets":        "G{}T /healthz HTTP/1.1\r\nHost: HOST\r\n\r\n",
		"TLS":                           "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00", 40) + "\r\n\r\n",
		"a header of 20 KB":             get + "X: " + strings.Repeat("a", 20<<10) + "\r\n\r\n",
		"a URL of 20 KB":                "GET /healthz?" + strings.Repeat("a", 20<<10) + " HTTP/1.1\r\nHost: HOST\r\n\r\n",
		"ten thousand headers":          get + strings.Repeat("X: a\r\n", 10000) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			statuses, closed, raw := g.wire(t, text+smuggled)
			if len(statuses) != 1 || statuses[0] < 400 || statuses[0] >= 500 || !closed {
				t.Errorf("answered %v, closed: %t; want one refusal and the end\n%.300s", statuses, closed, raw)
			}
		})
	}
}

// These are read by one rule, and the connection goes on.
func TestUnusualRequestsAreAnsweredOnce(t *testing.T) {
	t.Parallel()
	g, _ := attackBehind(t)
	for _, test := range []struct {
		name, text string
		want       int
	}{
		{"a foreign absolute target", "GET http://evil.example/sse HTTP/1.1\r\nHost: HOST\r\n\r\n", 421},
		{"our own absolute target", "GET http://HOST/healthz HTTP/1.1\r\nHost: HOST\r\n\r\n", 200},
		{"a foreign Host under our own target", "GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421},
		{"two slashes", "GET //sse HTTP/1.1\r\nHost: HOST\r\n\r\n", 404},
		{"two slashes and a host", "GET //evil.example/sse HTTP/1.1\r\nHost: HOST\r\n\r\n", 404},
		{"upper case", "GET /SSE HTTP/1.1\r\nHost: HOST\r\n\r\n", 404},
		{"a dot", "GET /./sse HTTP/1.1\r\nHost: HOST\r\n\r\n", 404},
		{"two dots", "GET /x/../sse HTTP/1.1\r\nHost: HOST\r\n\r\n", 404},
		{"two encoded dots", "GET /x/%2e%2e/sse HTTP/1.1\r\nHost: HOST\r\n\r\n", 404},
		{"an encoded slash", "GET /x%2f..%2fsse HTTP/1.1\r\nHost: HOST\r\n\r\n", 404},
		{"encoded twice", "GET /%2573se HTTP/1.1\r\nHost: HOST\r\n\r\n", 404},
		{"an encoded letter", "GET /%73se HTTP/1.1\r\nHost: HOST\r\n\r\n", 404},
		{"a parameter", "GET /sse;x=1 HTTP/1.1\r\nHost: HOST\r\n\r\n", 404},
		{"a backslash", "GET /x\\..\\sse HTTP/1.1\r\nHost: HOST\r\n\r\n", 404},
		{"an encoded NUL", "GET /sse%00 HTTP/1.1\r\nHost: HOST\r\n\r\n", 404},
		{"an encoded line end", "GET /sse%0d%0aX:y HTTP/1.1\r\nHost: HOST\r\n\r\n", 404},
		{"bad escapes", "GET /%zz%%%c0%af HTTP/1.1\r\nHost: HOST\r\n\r\n", 404},
		{"slashes behind", "GET /token// HTTP/1.1\r\nHost: HOST\r\n\r\n", 404},
		{"profiles", "GET /debug/pprof/ HTTP/1.1\r\nHost: HOST\r\n\r\n", 404},
		{"metrics", "GET /metrics HTTP/1.1\r\nHost: HOST\r\n\r\n", 404},
		{"bad escapes in the query", "GET /authorize?%zz=%&a=%c0%af HTTP/1.1\r\nHost: HOST\r\n\r\n", 400},
		{"TRACE", "TRACE /healthz HTTP/1.1\r\nHost: HOST\r\nSecret: x\r\n\r\n", 405},
		{"CONNECT", "CONNECT evil.example:443 HTTP/1.1\r\nHost: HOST\r\n\r\n", 404},
		{"an invented method", "FROBNICATE /token HTTP/1.1\r\nHost: HOST\r\n\r\n", 405},
		{"a lower-case method", "get /healthz HTTP/1.1\r\nHost: HOST\r\n\r\n", 405},
		{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: HOST\r\n\r\n", 405},
		{"an upgrade to h2c", "GET /healthz HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", 200},
		{"an upgrade to WebSocket", "GET /sse HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 401},
		{"a multipart form", "POST /consent HTTP/1.1\r\nHost: HOST\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 5\r\n\r\n--x--", 400},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			statuses, _, raw := g.wire(t, test.text)
			if len(statuses) != 1 || statuses[0] != test.want {
				t.Errorf("answered %v, want %d\n%.400s", statuses, test.want, raw)
			}
			if strings.Contains(raw, "\nLocation:") || strings.Contains(raw, "Secret: x") || strings.Contains(raw, "fasthttp") {
				t.Errorf("the answer redirects, mirrors the request or names the program:\n%.400s", raw)
			}
		})
	}
}

// Requests that share a connection share nothing else: each is judged by its own token.
func TestPipelinedRequestsAreJudgedOneByOne(t *testing.T) {
	t.Parallel()
	g, _ := attackBehind(t)
	a := g.loggedIn(t, "user")
	var text strings.Builder
	var want []int
	for i := range 300 {
		authorization := ""
		switch i % 3 {
		case 0:
			authorization, want = "Authorization: Bearer "+a.tokens.AccessToken+"\r\n", append(want, 200)
		case 1:
			want = append(want, 401)
		case 2:
			authorization, want = "Authorization: Bearer "+a.tokens.AccessToken+"x\r\n", append(want, 401)
		}
		fmt.Fprintf(&text, "POST /sse HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s", authorization, len(ping), ping)
	}
	statuses, _, _ := g.wire(t, text.String())
	if fmt.Sprint(statuses) != fmt.Sprint(want) {
		t.Errorf("300 requests are answered with %v", statuses)
	}
}

// A connection that does not get on is ended, and others do not notice.
func TestSlowConnectionsEnd(t *testing.T) {
	t.Parallel()
	g, _ := attackBehind(t)
	for name, text := range map[string]string{
		"half a header": "POST /token HTTP/1.1\r\nHost: HOST\r\nX: ",
		"half a body":   "POST /token HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ngrant_type=",
		"half a chunk":  "POST /register HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", g.addr())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, strings.ReplaceAll(text, "HOST", "localhost:"+g.watch.port)); err != nil {
				t.Fatal(err)
			}
			_ = conn.SetReadDeadline(time.Now().Add(25 * time.Second))
			answer, err := io.ReadAll(conn)
			if timedOut(err) {
				t.Errorf("still open after 25 s; answered %.100q", answer)
			}
			if err := healthy(g.base + "/healthz"); err != nil {
				t.Error(err)
			}
		})
	}
}
