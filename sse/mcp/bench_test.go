package mcp_test

import (
	"log/slog"
	"testing"

	"mcp-oauth-server/sse/mcp"
)

// BenchmarkCall is tools/call of echo from body to body.
func BenchmarkCall(b *testing.B) {
	s := newServer(b, slog.New(slog.DiscardHandler))
	r := mcp.Request{
		Body:            []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"hello"}}}`),
		ProtocolVersion: mcp.Header{Value: mcp.Version20251125, Count: 1},
	}
	b.ReportAllocs()
	for b.Loop() {
		if reply := s.Handle(b.Context(), r); reply.Outcome != mcp.OK {
			b.Fatal(string(reply.Body))
		}
	}
}
