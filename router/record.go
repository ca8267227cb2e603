package router

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"mcp-oauth-server/router/metrics"
)

// recordRequests logs each request: refused ones at info, the others at debug.
// The query is left out, because codes and states travel in it. The level is that
// of the start: to ask the log in every request costs more than to count it.
func (h *House) recordRequests(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	all := h.Log.Enabled(context.Background(), slog.LevelDebug)
	refused := h.Log.Enabled(context.Background(), slog.LevelInfo)
	return func(ctx *fasthttp.RequestCtx) {
		next(ctx)
		level := slog.LevelDebug
		switch {
		case refused && ctx.Response.StatusCode() >= fasthttp.StatusBadRequest:
			level = slog.LevelInfo
		case !all:
			return
		}
		h.Log.LogAttrs(context.Background(), level, "request",
			slog.String("event", "request"),
			slog.String("request_id", RequestID(ctx)),
			slog.String("method", string(ctx.Method())),
			slog.String("path", string(ctx.Path())),
			slog.Int("status", ctx.Response.StatusCode()),
			slog.Duration("took", time.Since(ctx.Time())),
			slog.String("remote", h.Remote.Addr(ctx)))
	}
}

// count counts the requests of one handler, which is put into the table of routes
// so: there the route is known, and nobody has to find it again. What a handler
// does not return from is the 500 that recoverPanics makes of it. fasthttp's time
// of a request is that of its last byte.
func (h *House) count(route metrics.Route, next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		begin, status := ctx.Time(), fasthttp.StatusInternalServerError
		defer func() { h.Metrics.Count(ctx.ConnID(), route, status, time.Since(begin)) }()
		next(ctx)
		status = ctx.Response.StatusCode()
	}
}

// Remote finds out who sent a request. X-Forwarded-For counts only as far as
// trusted proxies wrote it; everything to the left of them is the sender's own
// invention.
type Remote struct {
	Trusted []netip.Prefix // TRUSTED_PROXIES; empty means no header counts
}

// Addr returns the address of the nearest hop that is not a trusted proxy.
func (r Remote) Addr(ctx *fasthttp.RequestCtx) string {
	addr, err := netip.ParseAddrPort(ctx.RemoteAddr().String())
	if err != nil {
		return ctx.RemoteAddr().String() // an in-memory connection in a test
	}
	nearest := addr.Addr().Unmap()
	// Lines of one name are one list (RFC 9110 §5.3); a proxy may have added its own.
	lines := ctx.Request.Header.PeekAll(fasthttp.HeaderXForwardedFor)
	hops := strings.Split(string(bytes.Join(lines, []byte(","))), ",")
	for i := len(hops) - 1; i >= 0 && r.trusts(nearest); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		nearest = hop.Unmap()
	}
	return nearest.String()
}

func (r Remote) trusts(addr netip.Addr) bool {
	for _, p := range r.Trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
