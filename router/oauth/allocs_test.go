//go:build !race

package oauth_test

import (
	"testing"

	"mcp-oauth-server/router/oauth"
)

// TestAllocations holds what every token request does to its budget. The race
// detector counts its own.
func TestAllocations(t *testing.T) {
	site, err := oauth.NewSite("http://localhost:8080")
	if err != nil {
		t.Fatal(err)
	}
	const form = "grant_type=authorization_code&code=abc&code_verifier=def&redirect_uri=http%3A%2F%2Flocalhost%3A1%2Fcb&client_id=ghi"
	for name, c := range map[string]struct {
		budget float64
		do     func() bool
	}{
		"a form with one encoded value": {2, func() bool { p, err := oauth.ParseParams(form); return err == nil && p.Get("code") == "abc" }},
		"a resource as we spell it":     {0, func() bool { _, ok := site.Resource("http://127.0.0.1:8080/mcp"); return ok }},
		"the same resource":             {0, func() bool { return site.SameResource("http://127.0.0.1:8080/mcp", "http://localhost:8080/mcp") }},
		"the issuer of a resource":      {0, func() bool { return site.Issuer("http://[::1]:8080/sse") == "http://[::1]:8080" }},
	} {
		if n := testing.AllocsPerRun(100, func() {
			if !c.do() {
				t.Errorf("%s: wrong", name)
			}
		}); n > c.budget {
			t.Errorf("%s: %v allocations, budget %v", name, n, c.budget)
		}
	}
}
