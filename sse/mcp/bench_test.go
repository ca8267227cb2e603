package mcp_test

import (
	"log/slog"
	"testing"
	"time"

	"mcp-oauth-server/sse/mcp"
	"mcp-oauth-server/tools"
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

// BenchmarkProgress is a call that reports progress three times, from body to
// the last message.
func BenchmarkProgress(b *testing.B) {
	spec := tools.Spec{Name: "x", Title: "X", Description: "X."}
	registry, err := tools.NewRegistry(tools.New(spec, func(c *tools.Context, _ struct{}) (tools.Contents, error) {
		for i := range 3 {
			c.Progress(float64(i+1), 3, "step")
		}
		return tools.Contents{tools.Text{Text: "done"}}, nil
	}))
	if err != nil {
		b.Fatal(err)
	}
	clock := time.Now()
	s := &mcp.Server{Name: "test", Version: "1", Tools: registry, Log: slog.New(slog.DiscardHandler), Now: func() time.Time {
		clock = clock.Add(time.Second) // no report is too early
		return clock
	}}
	d := &dialogue{}
	b.ReportAllocs()
	for b.Loop() {
		d.said = d.said[:0]
		if s.Handle(b.Context(), old(callX, d)); len(d.said) != 3 {
			b.Fatal(d.said)
		}
	}
}
