package main

import (
	"io"
	"net/http"
	"time"

	"github.com/valyala/fasthttp"
)

// staticAnswer is as long as our answer to the same call.
const staticAnswer = `{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"Echo: hello"}],"structuredContent":{"echoed_message":"hello"}}}`

// newStatic is the floor of a tool call: fasthttp, the same request, an answer
// that is always the same.
func newStatic(string) (peer, error) {
	return peer{
		fast: func(ctx *fasthttp.RequestCtx) {
			ctx.SetContentType("application/json")
			ctx.SetBodyString(staticAnswer)
		},
		prepare: func(n int) ([]string, error) {
			return repeat(n, func(i int) (string, error) { return staticBearer(i), nil })
		},
	}, nil
}

// staticBearer is as long as an access token of ours.
func staticBearer(i int) string {
	b := make([]byte, 0, 760)
	for len(b) < 740 {
		b = append(b, benchUser(i)...)
	}
	return string(b)
}

// heartbeat is the interval of those servers that send them; ours does at 15 s.
const heartbeat = 15 * time.Second

// newNetHTTPStreams is an event stream on net/http and nothing else: a handler
// that flushes, a ticker, no session. It is the like-for-like of our stream.
func newNetHTTPStreams(string) (peer, error) {
	return peer{
		handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, "event: endpoint\ndata: /message\n\n") //nolint:errcheck // the next write tells
			flusher := http.NewResponseController(w)
			ticker := time.NewTicker(heartbeat)
			defer ticker.Stop()
			for flusher.Flush() == nil {
				select {
				case <-r.Context().Done():
					return
				case <-ticker.C:
					io.WriteString(w, ": keep-alive\n\n") //nolint:errcheck // Flush tells
				}
			}
		}),
		prepare: func(n int) ([]string, error) {
			return repeat(n, func(i int) (string, error) { return staticBearer(i), nil })
		},
	}, nil
}
