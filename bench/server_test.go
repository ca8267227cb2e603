package bench

import (
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/crypto/jose"
	"mcp-oauth-server/crypto/replay"
	"mcp-oauth-server/router/client"
	"mcp-oauth-server/router/grant"
	"mcp-oauth-server/router/oauth"
	"mcp-oauth-server/sse"
	"mcp-oauth-server/sse/bearer"
	"mcp-oauth-server/sse/mcp"
	"mcp-oauth-server/sse/relay"
	"mcp-oauth-server/tools"
	"mcp-oauth-server/tools/echo"
)

// serverURL is the usual one of a first look; longer ones make longer tokens.
const serverURL = "http://localhost:8080"

// server is the part of the product that answers the hot requests, wired as
// main wires it, behind an in-memory listener: the figures are of the whole
// path from HTTP bytes to HTTP bytes, without the kernel's sockets.
type server struct {
	vault    *artifact.Vault
	client   *fasthttp.HostClient
	http     *fasthttp.Server
	endpoint *sse.Endpoint
}

func newVault(tb testing.TB) *artifact.Vault {
	tb.Helper()
	secrets, err := jose.ParseSecrets(jose.NewSecret())
	if err != nil {
		tb.Fatal(err)
	}
	ring, err := jose.NewRing(serverURL, secrets)
	if err != nil {
		tb.Fatal(err)
	}
	return &artifact.Vault{
		Ring:      ring,
		Algorithm: jose.EdDSA,
		Lifetimes: artifact.Lifetimes{Code: 10 * time.Minute, Access: time.Hour, Idle: time.Hour, Session: 24 * time.Hour},
		Now:       time.Now,
		Issuers:   []string{serverURL},
	}
}

// newServer starts the token endpoint at /token and the MCP endpoint at /sse.
// cacheSize is that of the bearer checker; negative means none.
func newServer(tb testing.TB, cacheSize int) *server {
	tb.Helper()
	vault := newVault(tb)
	site, err := oauth.NewSite(serverURL)
	if err != nil {
		tb.Fatal(err)
	}
	registry, err := tools.NewRegistry(echo.Tool(), steps(), changing())
	if err != nil {
		tb.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	room := grant.Room{
		Clients:     client.NewResolver(artifact.NewOpener[artifact.ClientRegistration](vault), site),
		OpenCode:    artifact.NewOpener[artifact.AuthorizationCode](vault),
		OpenRefresh: artifact.NewOpener[artifact.RefreshToken](vault),
		SealAccess:  artifact.NewSealer[artifact.AccessToken](vault),
		SealRefresh: artifact.NewSealer[artifact.RefreshToken](vault),
		Guard:       &replay.Memory{Now: time.Now},
		Site:        site,
		Lifetimes:   vault.Lifetimes,
		Now:         time.Now,
		Log:         quiet,
	}
	endpoint := &sse.Endpoint{
		Base: site.Base,
		Bearer: &bearer.Checker{
			Open:      artifact.NewOpener[artifact.AccessToken](vault),
			Audiences: site.Resources(),
			Scope:     oauth.ScopeTools,
			CacheSize: cacheSize,
		},
		MCP:        &mcp.Server{Name: "bench", Version: "0", Tools: registry, Log: quiet},
		MaxStreams: 2 * subscriptions, MaxStreamsPerUser: 2 * subscriptions,
		SealSession: artifact.NewSealer[artifact.Session](vault),
		OpenSession: artifact.NewOpener[artifact.Session](vault),
		Relay:       relay.NewLocal(quiet),
		Now:         time.Now,
		RequestTime: (*fasthttp.RequestCtx).Time,
		Log:         quiet,
	}
	mcpHandler := endpoint.Serve("/sse")
	endpoint.MCP.Announce = endpoint.Announce
	s := serve(tb, vault, func(ctx *fasthttp.RequestCtx) {
		if string(ctx.Path()) == "/token" {
			room.Token(ctx)
			return
		}
		mcpHandler(ctx)
	})
	s.endpoint = endpoint
	return s
}

func serve(tb testing.TB, vault *artifact.Vault, handler fasthttp.RequestHandler) *server {
	tb.Helper()
	listener := fasthttputil.NewInmemoryListener()
	s := &fasthttp.Server{Handler: handler, ReadBufferSize: 16 << 10, NoDefaultServerHeader: true, KeepHijackedConns: true}
	done := make(chan error, 1)
	go func() { done <- s.Serve(listener) }()
	tb.Cleanup(func() {
		if err := listener.Close(); err != nil {
			tb.Error(err)
		}
		if err := <-done; err != nil {
			tb.Error(err)
		}
	})
	return &server{vault: vault, http: s, client: &fasthttp.HostClient{
		Addr: "localhost:8080",
		Dial: func(string) (net.Conn, error) { return listener.Dial() },
	}}
}

// seal mints an artifact or fails the benchmark.
func seal[T interface{ String() string }](tb testing.TB, sealed func(T) (string, error), a T) string {
	tb.Helper()
	s, err := sealed(a)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// post sends one request of a benchmark's loop, which must be answered 200.
func (s *server) post(b testing.TB, path, contentType, bearer, body string, header ...string) {
	s.send(b, fasthttp.StatusOK, path, contentType, bearer, body, header...)
}

// send sends one request and checks the status.
func (s *server) send(b testing.TB, status int, path, contentType, bearer, body string, header ...string) {
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(resp)
	req.Header.SetMethod(fasthttp.MethodPost)
	req.SetRequestURI(serverURL + path)
	req.Header.SetContentType(contentType)
	if bearer != "" {
		req.Header.Set(fasthttp.HeaderAuthorization, "Bearer "+bearer)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	req.SetBodyString(body)
	if err := s.client.Do(req, resp); err != nil {
		b.Fatal(err)
	}
	if resp.StatusCode() != status {
		b.Fatalf("status %d: %s", resp.StatusCode(), resp.Body())
	}
}

// subject stands for a user in every benchmark.
var subject = artifact.User{Subject: string(artifact.DigestOf("https://idp.example\nalice"))}
