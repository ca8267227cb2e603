package sse_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/valyala/fasthttp"
	"go.uber.org/goleak"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/crypto/jose"
	"mcp-oauth-server/sse"
	"mcp-oauth-server/sse/bearer"
	"mcp-oauth-server/sse/mcp"
	"mcp-oauth-server/sse/relay"
	"mcp-oauth-server/tools"
)

// TestMain looks for goroutines that nobody ended. Two are fasthttp's: its clock,
// and the cleaner of a server's workers, which sleeps 10 s after the shutdown.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}

// clock is a clock that moves when it is told to.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// logbook is what the server logged.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Reset()
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// site is what the replicas of one server share: secret, clock and address.
type site struct {
	clock *clock
	vault *artifact.Vault
}

const base = "http://localhost:8080"

func newSite(t testing.TB) *site {
	t.Helper()
	secrets, err := jose.ParseSecrets(jose.NewSecret())
	if err != nil {
		t.Fatal(err)
	}
	ring, err := jose.NewRing(base, secrets)
	if err != nil {
		t.Fatal(err)
	}
	c := &clock{now: time.Now().Truncate(time.Second)}
	return &site{c, &artifact.Vault{
		Ring:      ring,
		Algorithm: jose.EdDSA,
		Lifetimes: artifact.Lifetimes{Code: time.Minute, Access: 10 * time.Minute, Idle: time.Hour, Session: 24 * time.Hour},
		Now:       c.Now,
		Issuers:   []string{base},
	}}
}

// token mints an access token as /token would; change alters it first.
func (s *site) token(t testing.TB, user string, change ...func(*artifact.AccessToken)) string {
	t.Helper()
	a := artifact.AccessToken{Issuer: base, Audience: base + "/sse", Client: "client-of-" + artifact.Digest(user), Scope: "mcp:tools"}
	a.Subject = user
	for _, f := range change {
		f(&a)
	}
	token, err := artifact.NewSealer[artifact.AccessToken](s.vault).Seal(a)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// livesFor makes a token that is good for d.
func (s *site) livesFor(d time.Duration) func(*artifact.AccessToken) {
	return func(a *artifact.AccessToken) { a.Expires = s.clock.Now().Add(d).Unix() }
}

// replica is one running server.
type replica struct {
	*site
	sse.Endpoint
	addr string
	logs *logbook
	// release lets the tool "wait" return; started tells that it runs and
	// cancelled that its context ended instead.
	release, started, cancelled chan struct{}
}

type none struct{}

// newReplica starts a real server on a loopback port. change alters the
// endpoint before the first request.
func newReplica(t testing.TB, s *site, change ...func(*sse.Endpoint)) *replica {
	t.Helper()
	r := prepare(t, s, change...)
	r.serve(t, net.ListenConfig{})
	return r
}

// prepare is newReplica but for the start of the server.
func prepare(t testing.TB, s *site, change ...func(*sse.Endpoint)) *replica {
	t.Helper()
	r := &replica{site: s, logs: &logbook{}, release: make(chan struct{}), started: make(chan struct{}, 256), cancelled: make(chan struct{}, 256)}
	log := slog.New(slog.NewTextHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	registry, err := tools.NewRegistry(append(r.talkers(),
		tools.New(tools.Spec{Name: "whoami", Title: "Who am I", Description: "Names the caller and a marker."},
			func(c *tools.Context, in struct {
				Marker string `json:"marker"`
			}) (struct {
				Text string `json:"text"`
			}, error) {
				return struct {
					Text string `json:"text"`
				}{c.Caller.Subject + "/" + in.Marker}, nil
			}),
		tools.New(tools.Spec{Name: "big", Title: "Big", Description: "Answers many bytes."},
			func(_ *tools.Context, in struct {
				Size int `json:"size"`
			}) (struct {
				Text string `json:"text"`
			}, error) {
				return struct {
					Text string `json:"text"`
				}{strings.Repeat("x", in.Size)}, nil
			}),
		tools.New(tools.Spec{Name: "wait", Title: "Wait", Description: "Waits."},
			func(c *tools.Context, _ none) (none, error) {
				r.started <- struct{}{}
				select {
				case <-r.release:
				case <-c.Done():
					r.cancelled <- struct{}{}
				}
				return none{}, nil
			}),
		tools.New(tools.Spec{Name: "panic", Title: "Panic", Description: "Panics."},
			func(*tools.Context, none) (none, error) { panic("boom") }),
	)...)
	if err != nil {
		t.Fatal(err)
	}
	e := &r.Endpoint
	e.Base = func(host []byte) (string, bool) {
		name, _, _ := strings.Cut(string(host), ":")
		return "http://" + name + ":8080", name == "localhost" || name == "127.0.0.1"
	}
	e.LoopbackOrigins = true
	e.AllowedOrigins = []string{"https://app.example.com"}
	e.Bearer = &bearer.Checker{
		Open:      artifact.NewOpener[artifact.AccessToken](s.vault),
		Audiences: []string{base + "/sse", base + "/mcp"},
		Scope:     "mcp:tools",
	}
	e.MCP = &mcp.Server{Name: "test", Version: "1", Tools: registry, Log: log, Announce: e.Announce, Now: r.steps()}
	e.Relay = relay.NewLocal(log)
	e.MCP.SealState, e.MCP.OpenState = states(s.vault)
	e.SealSession, e.OpenSession = artifact.NewSealer[artifact.Session](s.vault), artifact.NewOpener[artifact.Session](s.vault)
	e.SealStream, e.OpenStream = artifact.NewSealer[artifact.Stream](s.vault), artifact.NewOpener[artifact.Stream](s.vault)
	e.MaxStreams, e.MaxStreamsPerUser, e.Legacy = 2000, 2000, true
	e.Now, e.Log = s.clock.Now, log
	for _, f := range change {
		f(e)
	}
	return r
}

func (r *replica) serve(t testing.TB, how net.ListenConfig) {
	ln, err := how.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = ln.Addr().String()
	atSSE, atMCP := r.Serve("/sse"), r.Serve("/mcp")
	server := &fasthttp.Server{
		ReadBufferSize:        16 << 10,
		MaxRequestBodySize:    2 * sse.MaxBody, // the endpoint's own limit is under test
		WriteTimeout:          serverTimeout,
		KeepHijackedConns:     true,
		NoDefaultServerHeader: true,
		SecureErrorLogMessage: true,
		Logger:                discard{},
		// Bodies are the endpoint's business: a parser of forms in front of it
		// answers 400 before anybody is asked for a token.
		DisablePreParseMultipartForm: true,
		Handler: func(ctx *fasthttp.RequestCtx) {
			switch string(ctx.Path()) {
			case "/sse", "/sse/":
				atSSE(ctx)
			case "/mcp":
				atMCP(ctx)
			case "/sse/message":
				r.Message(ctx)
			default:
				ctx.SetStatusCode(fasthttp.StatusNotFound)
			}
		},
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		http.DefaultClient.CloseIdleConnections()
		r.Drain(ctx)
		if n := r.OpenStreams(); n != 0 {
			t.Errorf("%d streams are counted after the drain", n)
		}
		if err := server.ShutdownWithContext(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
}

// serverTimeout is short, to see whether it cuts streams.
const serverTimeout = time.Second

type discard struct{}

func (discard) Printf(string, ...any) {}

// answer is an HTTP response that was read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends one request. header is name, value, name, value.
func (r *replica) do(t testing.TB, method, path, body string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequest(method, "http://"+r.addr+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
			continue
		}
		req.Header.Add(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(text)}
}

// post sends a message with a token.
func (r *replica) post(t testing.TB, path, token, message string, header ...string) answer {
	t.Helper()
	return r.do(t, "POST", path, message, append([]string{"Authorization", "Bearer " + token, "Content-Type", "application/json"}, header...)...)
}

// call is a tools/call message; arguments is JSON.
func call(id any, tool, arguments string) string {
	text, err := json.Marshal(id)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":%q,"arguments":%s}}`, text, tool, arguments)
}

const initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{"sampling":{}},"clientInfo":{"name":"tester","version":"7"}}}`

// client is the client's end of an event stream.
type client struct {
	conn     net.Conn
	reader   *bufio.Reader
	head     http.Header
	endpoint string
}

// event is one server-sent event, or a comment.
type event struct{ name, data, comment string }

// patience bounds every wait for a real socket. It is long, for only a test that fails
// waits so long: with the race detector and a busy machine 100 MiB take seconds.
const patience = 30 * time.Second

// get sends GET and returns the connection and the response head.
func (r *replica) get(t testing.TB, path, token string, header ...string) (*client, int) {
	t.Helper()
	return r.send(t, "GET", path, token, "", header...)
}

// send sends a request and returns the connection and the response head.
func (r *replica) send(t testing.TB, method, path, token, body string, header ...string) (*client, int) {
	t.Helper()
	c := r.begin(t, method, path, token, body, header...)
	return c, c.readHead(t)
}

// begin sends a request and does not wait for the response.
func (r *replica) begin(t testing.TB, method, path, token, body string, header ...string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &client{conn: conn, reader: bufio.NewReaderSize(conn, 512)}
	c.request(t, method, path, token, body, header...)
	return c
}

// request sends a request on the client's connection.
func (c *client) request(t testing.TB, method, path, token, body string, header ...string) {
	t.Helper()
	request := method + " " + path + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token + "\r\n"
	if method == "POST" {
		request += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	for i := 0; i < len(header); i += 2 {
		request += header[i] + ": " + header[i+1] + "\r\n"
	}
	if _, err := io.WriteString(c.conn, request+"\r\n"+body); err != nil {
		t.Fatal(err)
	}
}

// readHead reads the response head and returns the status.
func (c *client) readHead(t testing.TB) int {
	t.Helper()
	c.deadline()
	res, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.head = res.Header
	return res.StatusCode
}

// open opens a stream and reads up to its endpoint event.
func (r *replica) open(t testing.TB, path, token string, header ...string) *client {
	t.Helper()
	c, status := r.get(t, path, token, header...)
	if status != 200 {
		t.Fatalf("GET %s: status %d", path, status)
	}
	e, err := c.next()
	if err != nil || e.name != "endpoint" {
		t.Fatalf("first event is %+v, %v", e, err)
	}
	c.endpoint = e.data
	return c
}

func (c *client) deadline() {
	c.conn.SetReadDeadline(time.Now().Add(patience))
}

// next reads one event or comment. It fails after patience.
func (c *client) next() (event, error) {
	c.deadline()
	var e event
	for {
		line, err := c.reader.ReadString('\n')
		if err != nil {
			return e, err
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "\n" && e == event{}: // the end of a retry field
		case line == "\n":
			return e, nil
		case name == "":
			e.comment = value
		case name == "event":
			e.name = value
		case name == "data":
			e.data += value
		}
	}
}

// message reads the next message event.
func (c *client) message(t testing.TB) string {
	t.Helper()
	for {
		e, err := c.next()
		if err != nil {
			t.Fatalf("waiting for a message: %v", err)
		}
		if e.name == "message" {
			return e.data
		}
	}
}

// ended reads until the stream ends and returns the last comment.
func (c *client) ended(t testing.TB) string {
	t.Helper()
	last := ""
	for {
		e, err := c.next()
		if ne, ok := err.(net.Error); ok && ne.Timeout() {
			t.Fatal("the stream is still open")
		}
		if err != nil {
			return last
		}
		if e.comment != "" {
			last = e.comment
		}
	}
}

// eventually polls, because real sockets and goroutines take their time.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// response reads one HTTP response with a body of known length.
func (c *client) response(t testing.TB) string {
	t.Helper()
	c.deadline()
	res, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
