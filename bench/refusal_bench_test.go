package bench

import (
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// BenchmarkCallRefused answers calls whose tokens are none: what an attacker can
// have at his own speed must not cost more than what he keeps others from.
func BenchmarkCallRefused(b *testing.B) {
	s := newServer(b, 0)
	token := s.accessToken(b)
	parts := strings.Split(token, ".")
	at := len(token) - 40
	changed := "A"
	if token[at:at+1] == changed {
		changed = "B"
	}
	for _, c := range []struct{ name, token string }{
		{"none", ""},
		{"no parts", strings.Repeat("x", len(token))},
		{"three parts", strings.Repeat("x", 40) + "." + strings.Repeat("x", 300) + "." + strings.Repeat("x", 86)},
		{"a real head", parts[0] + ".." + parts[2] + "." + strings.Repeat("x", len(parts[3])) + "." + parts[4]},
		{"one character changed", token[:at] + changed + token[at+1:]},
		{"12,000 characters", strings.Repeat("x", 12_000)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.send(b, fasthttp.StatusUnauthorized, "/sse", "application/json", c.token, callBody)
			}
		})
	}
}
