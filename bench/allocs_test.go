//go:build !race

package bench

import "testing"

// TestCallAllocations holds a call with a token that was seen before to its
// budget, from HTTP bytes to HTTP bytes; one allocation is the test client's. The
// race detector counts its own.
func TestCallAllocations(t *testing.T) {
	const modernCall = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"hello"},` +
		`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`
	s := newServer(t, 0)
	token := s.accessToken(t)
	for _, c := range []struct {
		name, body string
		header     []string
		budget     float64
	}{
		{"plain", callBody, nil, 3},
		{"2025-11-25", callBody, []string{"Accept", "application/json, text/event-stream", "MCP-Protocol-Version", "2025-11-25"}, 3},
		{"2025-11-25 in a session", callBody, []string{"Accept", "application/json, text/event-stream", "MCP-Protocol-Version", "2025-11-25",
			"Mcp-Session-Id", s.session(t, "2025-11-25")}, 3},
		{"2026-07-28", modernCall, []string{"Accept", "application/json, text/event-stream", "MCP-Protocol-Version", "2026-07-28",
			"Mcp-Method", "tools/call", "Mcp-Name", "echo"}, 8},
	} {
		if n := testing.AllocsPerRun(200, func() { s.post(t, "/sse", "application/json", token, c.body, c.header...) }); n > c.budget {
			t.Errorf("%s: %v allocations, budget %v", c.name, n, c.budget)
		}
	}
}
