package sse

import (
	"bufio"
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// TestReadHeaders: one pass finds what a look-up of each name finds: repeated,
// empty, oddly spelled, and announced as a trailer, before or after the body.
func TestReadHeaders(t *testing.T) {
	const chunked = "Transfer-Encoding: chunked\r\n"
	for name, tt := range map[string]struct{ head, body string }{
		"none":           {"", ""},
		"usual":          {"Accept: text/event-stream\r\nMCP-Protocol-Version: 2025-11-25\r\nMcp-Session-Id: s\r\nMcp-Method: m\r\nMcp-Name: n\r\n", ""},
		"twice":          {"Origin: a\r\nORIGIN: b\r\nmcp-name: n\r\nMcp-Name:\r\ncontent-encoding: gzip\r\n", ""},
		"trailer":        {chunked + "Trailer: Origin, Mcp-Name\r\nOrigin: a\r\nMcp-Name: n\r\nMcp-Method: m\r\n", "0\r\nOrigin: b\r\nMcp-Name: o\r\n\r\n"},
		"only a trailer": {chunked + "Trailer: Origin, Mcp-Session-Id\r\n", "0\r\nOrigin: b\r\nMcp-Session-Id: s\r\n\r\n"},
		"parameters":     {"mcp-param-a: 1\r\n", ""},
		"a bearer":       {"authorization: Bearer x\r\n", ""},
		"bearers":        {"Authorization: Bearer x\r\nAUTHORIZATION: Bearer y\r\nAuthorization: Bearer z\r\n", ""},
		"a late bearer":  {chunked + "Trailer: Mcp-Name\r\nAuthorization: Bearer x\r\n", "0\r\nMcp-Name: o\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var r fasthttp.Request
			raw := "POST /sse HTTP/1.1\r\nHost: h\r\n" + tt.head + "\r\n" + tt.body
			if err := r.Read(bufio.NewReader(strings.NewReader(raw))); err != nil {
				t.Fatal(err)
			}
			var got headers
			readHeaders(&r.Header, &got)
			for name, f := range map[string]field{
				"Origin": got.origin, "Content-Encoding": got.encoding, "Mcp-Session-Id": got.session,
				"MCP-Protocol-Version": got.version, "Mcp-Method": got.method, "Mcp-Name": got.name,
			} {
				lines := r.Header.PeekAll(name)
				if f.count != len(lines) || len(lines) > 0 && string(f.first) != string(lines[0]) {
					t.Errorf("%s: got %d, %q; want %q", name, f.count, f.first, lines)
				}
			}
			bearers := r.Header.PeekAll("Authorization")
			bearers = bearers[:min(len(bearers), 2)]
			if !slices.EqualFunc(got.authorization[:got.authorizations], bearers, bytes.Equal) {
				t.Errorf("Authorization: got %q, want %q", got.authorization, bearers)
			}
			if events := strings.Contains(tt.head, "event-stream"); got.events != events {
				t.Errorf("events %v", got.events)
			}
			if strings.Contains(tt.head, "param") && !got.mirrorsParams {
				t.Error("no parameters")
			}
		})
	}
}
