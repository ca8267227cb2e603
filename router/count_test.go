package router

import (
	"bytes"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"testing"

	"github.com/valyala/fasthttp"

	"mcp-oauth-server/router/discovery"
	"mcp-oauth-server/router/metrics"
	"mcp-oauth-server/router/oauth"
)

func newMetrics() *metrics.Metrics {
	return metrics.New(metrics.Config{Version: "v1.2.3", OpenStreams: func() int { return 0 }, Draining: func() bool { return false }})
}

// newHouse has doors and no rooms: whoever gets through to one finds a panic.
func newHouse(t *testing.T) *House {
	t.Helper()
	site, err := oauth.NewSite("http://localhost:8080")
	if err != nil {
		t.Fatal(err)
	}
	answer := func(status int) fasthttp.RequestHandler {
		return func(ctx *fasthttp.RequestCtx) { ctx.SetStatusCode(status) }
	}
	return &House{
		Site: site, Landing: answer(200), Discovery: discovery.Room{Site: site},
		Resource: Resource{SSE: answer(401), MCP: answer(429), Message: answer(202)},
		Health:   &Health{}, Metrics: newMetrics(), Log: slog.New(slog.DiscardHandler),
	}
}

func request(method, target, host string) *fasthttp.RequestCtx {
	var req fasthttp.Request
	req.Header.SetMethod(method)
	req.SetRequestURI(target)
	req.Header.SetHost(host)
	var ctx fasthttp.RequestCtx
	ctx.Init(&req, nil, nil)
	return &ctx
}

var counted = regexp.MustCompile(`(?m)^mcp_oauth_http_requests_total\{code="(\w+)",route="(\w+)"\} ([1-9]\d*)$`)

// counts returns "route code" once for each request that was counted so.
func counts(t *testing.T, m *metrics.Metrics) (found []string) {
	t.Helper()
	var text bytes.Buffer
	if err := m.Write(&text); err != nil {
		t.Fatal(err)
	}
	for _, match := range counted.FindAllStringSubmatch(text.String(), -1) {
		if match[3] != "1" {
			t.Errorf("counted more than once: %q", match[0])
		}
		found = append(found, match[2]+" "+match[1])
	}
	return found
}

// Each request is counted once: for the route it took, with the status that was
// sent, also by who refuses it at the door and when there is no way through.
func TestRequestsAreCountedByRouteAndStatus(t *testing.T) {
	for _, c := range []struct{ method, target, host, want string }{
		{"GET", "/", "localhost", "landing 2xx"},
		{"HEAD", "/", "localhost", "landing 2xx"},
		{"GET", "/.well-known/oauth-authorization-server/sse", "localhost", "metadata 2xx"},
		{"GET", "/.well-known/oauth-protected-resource/mcp/", "localhost", "metadata 2xx"},
		{"GET", "/jwks.json", "localhost", "jwks 2xx"},
		{"OPTIONS", "/jwks.json", "localhost", "preflight 2xx"},
		{"GET", "/healthz", "localhost", "health 2xx"},
		{"GET", "/readyz", "localhost", "health 2xx"},
		{"POST", "/register", "localhost", "register 500"}, // panics
		{"OPTIONS", "/register", "localhost", "preflight 2xx"},
		{"POST", "/token", "localhost", "token 500"},
		{"OPTIONS", "/token", "localhost", "preflight 2xx"},
		{"GET", "/authorize", "localhost", "authorize 500"},
		{"POST", "/consent", "localhost", "consent 500"},
		{"GET", "/callback", "localhost", "callback 500"},
		{"POST", "/callback", "localhost", "callback 500"},
		{"POST", "/sse", "localhost", "mcp 401"},
		{"POST", "/sse?x=1", "localhost", "mcp 401"},
		{"POST", "/sse/", "localhost", "mcp 401"},
		{"GET", "/sse", "localhost", "stream 401"},
		{"POST", "/mcp", "localhost", "mcp 429"},
		{"GET", "/mcp/", "localhost", "stream 429"},
		{"OPTIONS", "/mcp", "localhost", "preflight 429"},
		{"DELETE", "/mcp", "localhost", "other 429"},
		{"POST", "/sse/message", "localhost", "message 2xx"},
		{"GET", "/metrics", "localhost", "other 404"},
		{"GET", `/"}\nsecret{`, "localhost", "other 404"},
		{"GET", "/.well-known/openid-configuration", "localhost", "other 404"},
		{"PUT", "/token", "localhost", "other 4xx"}, // 405
		{"POST", "/token", "evil.example", "other 421"},
		{"POST", "/sse", "localhost@evil.example", "other 400"},
	} {
		t.Run(c.method+" "+c.target, func(t *testing.T) {
			h := newHouse(t)
			ctx := request(c.method, c.target, c.host)
			h.Handler()(ctx)
			if got := counts(t, h.Metrics); !slices.Equal(got, []string{c.want}) {
				t.Errorf("counted as %q, want %q; it was answered %d", got, c.want, ctx.Response.StatusCode())
			}
		})
	}
}

func TestAdminTellsTheMetrics(t *testing.T) {
	h := newHouse(t)
	ctx := request("GET", "/metrics", "anything")
	h.AdminHandler()(ctx)
	if got := string(ctx.Response.Header.ContentType()); ctx.Response.StatusCode() != 200 || got != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("%d, %s", ctx.Response.StatusCode(), got)
	}
	if !bytes.Contains(ctx.Response.Body(), []byte("\nmcp_oauth_build_info{version=\"v1.2.3\"} 1\n")) {
		t.Errorf("%s", ctx.Response.Body())
	}
	if found := counts(t, h.Metrics); found != nil {
		t.Errorf("scrapes are counted: %q", found)
	}
}

func TestCountingAllocatesNothing(t *testing.T) {
	h := &House{Metrics: newMetrics()}
	handler, ctx := h.count(metrics.MCP, func(*fasthttp.RequestCtx) {}), request("POST", "/sse", "localhost")
	if n := testing.AllocsPerRun(1000, func() { handler(ctx) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkCount is what the metrics add to a request, most of it the look at the
// clock.
func BenchmarkCount(b *testing.B) {
	h := &House{Metrics: newMetrics()}
	nothing := func(*fasthttp.RequestCtx) {}
	handlers := map[string]fasthttp.RequestHandler{"without": nothing, "with": h.count(metrics.MCP, nothing)}
	for _, name := range slices.Sorted(maps.Keys(handlers)) {
		b.Run(name, func(b *testing.B) {
			handler := handlers[name]
			var ctx fasthttp.RequestCtx
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%100 == 0 { // requests are fresh, as those of tool calls are when they are answered
					ctx.Init(&fasthttp.Request{}, nil, nil)
				}
				handler(&ctx)
			}
		})
	}
}
