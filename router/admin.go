package router

import (
	"strings"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/pprofhandler"

	"mcp-oauth-server/router/metrics"
	"mcp-oauth-server/router/oauth"
)

// AdminHandler returns the handler of the second listener: probes, metrics and
// profiles. It must not be reachable from outside.
func (h *House) AdminHandler() fasthttp.RequestHandler {
	return recoverPanics(h.Log, h.admin)
}

func (h *House) admin(ctx *fasthttp.RequestCtx) {
	switch path := string(ctx.Path()); {
	case path == "/healthz":
		h.Health.Live(ctx)
	case path == "/readyz":
		h.Health.Ready(ctx)
	case path == "/metrics":
		h.tell(ctx)
	case strings.HasPrefix(path, "/debug/pprof/"):
		pprofhandler.PprofHandler(ctx)
	default:
		notFound(ctx)
	}
}

// tell answers a scrape.
func (h *House) tell(ctx *fasthttp.RequestCtx) {
	ctx.SetContentType(metrics.ContentType)
	if err := h.Metrics.Write(ctx.Response.BodyWriter()); err != nil {
		h.Log.Error("the metrics cannot be told", "event", "metrics", "err", err)
		ctx.Response.Reset()
		oauth.WriteError(ctx, &oauth.Error{Code: oauth.ServerError, Description: "the metrics cannot be told; the log says why", Status: fasthttp.StatusInternalServerError})
	}
}
