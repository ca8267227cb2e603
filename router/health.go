package router

import (
	"strings"
	"sync/atomic"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/pprofhandler"

	"mcp-oauth-server/router/oauth"
)

// Health answers the probes. The identity provider is deliberately no part of
// readiness: with it down, tokens already issued must go on working.
type Health struct {
	// Fingerprint of the key ring: a replica that shows another one cannot read
	// what the others minted.
	Fingerprint string
	Version     string
	draining    atomic.Bool
}

// Drain makes the replica unready, so that load balancers send it no more.
func (h *Health) Drain() { h.draining.Store(true) }

// Live answers GET /healthz: the process runs.
func (h *Health) Live(ctx *fasthttp.RequestCtx) {
	oauth.WriteJSON(ctx, fasthttp.StatusOK, map[string]string{"status": "ok", "version": h.Version})
}

// Ready answers GET /readyz: 200, or 503 once the replica drains.
func (h *Health) Ready(ctx *fasthttp.RequestCtx) {
	status, word := fasthttp.StatusOK, "ready"
	if h.draining.Load() {
		status, word = fasthttp.StatusServiceUnavailable, "draining"
	}
	oauth.WriteJSON(ctx, status, map[string]string{"status": word, "key_ring": h.Fingerprint})
}

// closeWhenDraining tells clients not to reuse a connection to a replica that
// is about to go.
func (h *Health) closeWhenDraining(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		next(ctx)
		if h.draining.Load() {
			ctx.SetConnectionClose()
		}
	}
}

// admin answers the second listener: probes and profiles. It must not be
// reachable from outside.
func (h *Health) admin(ctx *fasthttp.RequestCtx) {
	switch path := string(ctx.Path()); {
	case path == "/healthz":
		h.Live(ctx)
	case path == "/readyz":
		h.Ready(ctx)
	case strings.HasPrefix(path, "/debug/pprof/"):
		pprofhandler.PprofHandler(ctx)
	default:
		notFound(ctx)
	}
}
