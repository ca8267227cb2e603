package router

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"

	"github.com/valyala/fasthttp"

	"mcp-oauth-server/router/oauth"
)

// recoverPanics turns a panic into a 500 with a request id. Without it one bad
// request ends the process, and with it every stream of the replica.
func recoverPanics(log *slog.Logger, next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		defer func() {
			if cause := recover(); cause != nil {
				id := RequestID(ctx)
				log.Error("request panicked", "event", "panic", "request_id", id, "path", string(ctx.Path()), "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
				ctx.Response.Reset()
				oauth.WriteError(ctx, &oauth.Error{Code: oauth.ServerError, Description: "internal error, request id " + id, Status: fasthttp.StatusInternalServerError})
			}
		}()
		next(ctx)
	}
}

// process tells the request ids of one process from those of another.
var process = func() string {
	var b [4]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(b[:])
}()

// RequestID names a request in the log and on error pages.
func RequestID(ctx *fasthttp.RequestCtx) string {
	return process + "-" + strconv.FormatUint(ctx.ID(), 36)
}
