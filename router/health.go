package router

import (
	"sync/atomic"

	"github.com/valyala/fasthttp"

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

// Draining says whether the replica has been told to stop.
func (h *Health) Draining() bool { return h.draining.Load() }

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
