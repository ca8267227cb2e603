package mcp_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"mcp-oauth-server/sse/mcp"
	"mcp-oauth-server/tools"
)

// panicHandler fails a test when the server logs a panic of its own.
type panicHandler struct{ tb testing.TB }

func (panicHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelError }
func (h panicHandler) WithAttrs([]slog.Attr) slog.Handler         { return h }
func (h panicHandler) WithGroup(string) slog.Handler              { return h }

func (h panicHandler) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "event" && a.Value.String() == "mcp_panic" {
			h.tb.Errorf("panic in Handle: %v", r)
		}
		return true
	})
	return nil
}

// TestCallLog: a call is one line that says who called what with which outcome,
// and holds neither arguments nor results nor the client's own text.
func TestCallLog(t *testing.T) {
	tests := []struct{ params, want string }{
		{`{"name":"echo","arguments":{"message":"PRIVATE"}}`, `"tool":"echo","outcome":"ok"`},
		{`{"name":"echo","arguments":{"PRIVATE":1}}`, `"tool":"echo","outcome":"refused"`},
		{`{"name":"bad","arguments":{"how":"PRIVATE"}}`, `"tool":"bad","outcome":"tool_error"`},
		{`{"name":"bad","arguments":{"how":"panic"}}`, `"tool":"bad","outcome":"internal_error"`},
		{`{"name":"PRIVATE"}`, `"tool":"","outcome":"unknown_tool"`},
	}
	for _, tt := range tests {
		var log bytes.Buffer
		s := newServer(t, slog.New(slog.NewJSONHandler(&log, nil)))
		s.Handle(t.Context(), mcp.Request{
			ID:     tools.RequestID{Process: "r", Number: 1},
			Caller: tools.Caller{Subject: "alice", ClientID: "digest", Email: "alice@example.com"},
			Body:   []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":` + tt.params + `}`),
		})
		for _, want := range []string{tt.want, `"event":"tool_call"`, `"sub":"alice"`, `"client_id_hash":"digest"`, `"request_id":"r-1"`} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("%s: the log lacks %s: %s", tt.params, want, log.String())
			}
		}
		if strings.Contains(log.String(), "PRIVATE") || strings.Contains(log.String(), "alice@") {
			t.Errorf("%s: the log tells too much: %s", tt.params, log.String())
		}
	}
}

// TestPanicInHandle: a mistake of ours costs one request, not the process. A
// server without tools is such a mistake.
func TestPanicInHandle(t *testing.T) {
	var log bytes.Buffer
	s := &mcp.Server{Name: "test", Version: "1", Log: slog.New(slog.NewJSONHandler(&log, nil))}
	reply := s.Handle(t.Context(), mcp.Request{ID: tools.RequestID{Process: "r", Number: 1}, Body: []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)})
	if got := read(t, reply.Body); got.Error == nil || got.Error.Code != -32603 || strings.Contains(string(reply.Body), "nil pointer") {
		t.Errorf("got %s", reply.Body)
	}
	if !strings.Contains(log.String(), `"event":"mcp_panic"`) || !strings.Contains(log.String(), "offers") {
		t.Errorf("the log lacks the panic: %s", log.String())
	}
}
