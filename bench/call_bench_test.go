package bench

import (
	"testing"

	"github.com/valyala/fasthttp"

	"mcp-oauth-server/crypto/artifact"
)

const callBody = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"hello"}}}`

func (s *server) accessToken(tb testing.TB) string {
	return seal(tb, artifact.NewSealer[artifact.AccessToken](s.vault).Seal, artifact.AccessToken{
		User: subject, Issuer: serverURL, Audience: serverURL + "/sse",
		Client: artifact.DigestOf("client"), Scope: "mcp:tools", Family: artifact.NewID(),
	})
}

// session is what a client got in answer to its initialize.
func (s *server) session(tb testing.TB, revision string) string {
	return seal(tb, artifact.NewSealer[artifact.Session](s.vault).Seal, artifact.Session{
		Subject: subject.Subject, Client: artifact.DigestOf("client"), Protocol: revision, Capabilities: "0\nbench\n1",
	})
}

// BenchmarkCallWarm calls a tool with a token that was seen before.
func BenchmarkCallWarm(b *testing.B) { benchmarkCall(b, 0) }

// BenchmarkCallCold opens and verifies the token on every call.
func BenchmarkCallCold(b *testing.B) { benchmarkCall(b, -1) }

func benchmarkCall(b *testing.B, cacheSize int) {
	s := newServer(b, cacheSize)
	token := s.accessToken(b)
	b.ReportAllocs()
	for b.Loop() {
		s.post(b, "/sse", "application/json", token, callBody)
	}
}

// BenchmarkCallOfAClient is a plain call with the headers of real clients, who
// read event streams: it could turn into one.
func BenchmarkCallOfAClient(b *testing.B) {
	const modernCall = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"hello"},` +
		`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`
	for _, c := range []struct {
		name, revision, body string
		header               []string
	}{
		{"2025-11-25", "2025-11-25", callBody, nil},
		{"2025-11-25 in a session", "2025-11-25", callBody, nil},
		{"2026-07-28", "2026-07-28", modernCall, []string{"Mcp-Method", "tools/call", "Mcp-Name", "echo"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := newServer(b, 0)
			token := s.accessToken(b)
			header := append([]string{"Accept", "application/json, text/event-stream", "MCP-Protocol-Version", c.revision}, c.header...)
			if c.name != c.revision {
				header = append(header, "Mcp-Session-Id", s.session(b, c.revision))
			}
			b.ReportAllocs()
			for b.Loop() {
				s.post(b, "/sse", "application/json", token, c.body, header...)
			}
		})
	}
}

// BenchmarkStaticReply is the floor of the calls: the same HTTP exchange with
// nothing behind it.
func BenchmarkStaticReply(b *testing.B) {
	reply := []byte(`{"jsonrpc":"2.0","id":1,"result":{}}`)
	s := serve(b, nil, func(ctx *fasthttp.RequestCtx) {
		ctx.SetContentType("application/json")
		ctx.SetBody(reply)
	})
	token := newServer(b, 0).accessToken(b)
	b.ReportAllocs()
	for b.Loop() {
		s.post(b, "/sse", "application/json", token, callBody)
	}
}
