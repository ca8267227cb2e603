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
