package bench

import (
	"testing"
	"time"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/router/oauth"
	"mcp-oauth-server/sse/bearer"
)

// manyTokens are more than the nearest caches of a processor hold.
const manyTokens = 20_000

// BenchmarkRatioBearer shows what it costs to know a token again, beside opening
// it: one that is sent all the time, and each of many in turn.
func BenchmarkRatioBearer(b *testing.B) {
	v := newVault(b)
	opener := artifact.NewOpener[artifact.AccessToken](v)
	checker := &bearer.Checker{
		Open: opener, Audiences: []string{serverURL + "/sse"}, Scope: oauth.ScopeTools,
		CacheSize: 2 * manyTokens, // room for all, however they spread over its parts
	}
	s := &server{vault: v}
	tokens, headers := make([]string, manyTokens), make([][][]byte, manyTokens)
	for i := range tokens {
		tokens[i] = s.accessToken(b)
		headers[i] = [][]byte{[]byte("Bearer " + tokens[i])}
	}
	check := func(i int) {
		if _, refusal := checker.Check(headers[i], time.Now()); refusal != nil {
			b.Fatal(refusal.Description)
		}
	}
	for i := range headers {
		check(i)
	}
	checker.Open = artifact.Opener[artifact.AccessToken]{} // from here on only the cache can know them
	next := 0
	open := func() {
		if _, err := opener.Open(tokens[0]); err != nil {
			b.Fatal(err)
		}
	}
	for _, r := range []ratio{
		{"CacheHit", "%-of-open", 1, 100, func() { check(0) }, open},
		{"CacheHitOfMany", "%-of-open", 3, 100, func() { check(next); next = (next + 1) % manyTokens }, open},
	} {
		b.Run(r.name, r.run)
	}
}
