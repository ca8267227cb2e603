package oauth_test

import (
	"slices"
	"testing"

	"mcp-oauth-server/router/oauth"
)

func mustSite(t testing.TB, url string) oauth.Site {
	t.Helper()
	s, err := oauth.NewSite(url)
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	return s
}

func TestNewSiteRefusesWhatIsNoPlainIssuer(t *testing.T) {
	for _, url := range []string{
		"", "mcp.example.com", "//mcp.example.com", "ftp://mcp.example.com", "https:mcp.example.com", "https://",
		"https://mcp.example.com/", "https://mcp.example.com/path", "https://mcp.example.com?x", "https://mcp.example.com?", "https://mcp.example.com#x",
		"https://user@mcp.example.com", "https://MCP.example.com", "HTTPS://mcp.example.com", "https://mcp.example.com:443", "http://localhost:80",
		"http://mcp.example.com", "http://localhost.evil.example:8080", "http://127.0.0.2:8080", "http://0.0.0.0:8080", " https://mcp.example.com", "https://mcp.example.com:x",
	} {
		if s, err := oauth.NewSite(url); err == nil {
			t.Errorf("accepted %q as %+v", url, s)
		}
	}
}

func TestAPublicSiteIgnoresTheHost(t *testing.T) {
	s := mustSite(t, "https://mcp.example.com")
	for _, host := range []string{"mcp.example.com", "evil.example", "localhost:8080", ""} {
		if base, ok := s.Base([]byte(host)); base != "https://mcp.example.com" || !ok {
			t.Errorf("Base(%q) = %q, %v", host, base, ok)
		}
	}
	if s.Loopback() || !s.Secure() || len(s.Issuers()) != 1 {
		t.Errorf("loopback %v, secure %v, issuers %q", s.Loopback(), s.Secure(), s.Issuers())
	}
}

func TestALoopbackSiteFollowsTheHostNameAndNothingElse(t *testing.T) {
	s := mustSite(t, "http://localhost:8080")
	for host, want := range map[string]string{
		"localhost:8080": "http://localhost:8080", "127.0.0.1:8080": "http://127.0.0.1:8080", "[::1]:8080": "http://[::1]:8080",
		"LocalHost:8080": "http://localhost:8080", "localhost": "http://localhost:8080", "127.0.0.1:9999": "http://127.0.0.1:8080", "[::1]": "http://[::1]:8080",
		"evil.example": "", "evil.example:8080": "", "localhost.evil.example": "", "127.0.0.1.evil.example:8080": "", "": "", "0.0.0.0:8080": "", "::1": "", "[::2]:8080": "",
	} {
		if base, ok := s.Base([]byte(host)); base != want || ok != (want != "") {
			t.Errorf("Base(%q) = %q, %v, want %q", host, base, ok, want)
		}
	}
	want := []string{"http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080"}
	if got := s.Issuers(); !slices.Equal(got, want) {
		t.Errorf("issuers %q", got)
	}
}

func TestResourceIsCanonical(t *testing.T) {
	public, local := mustSite(t, "https://mcp.example.com"), mustSite(t, "http://localhost:8080")
	for _, c := range []struct {
		site      oauth.Site
		raw, want string
	}{
		{public, "https://mcp.example.com/sse", "https://mcp.example.com/sse"},
		{public, "https://mcp.example.com/mcp", "https://mcp.example.com/mcp"},
		{public, "https://mcp.example.com/sse/", "https://mcp.example.com/sse"},
		{public, "HTTPS://MCP.Example.com/sse", "https://mcp.example.com/sse"},
		{public, "https://mcp.example.com:443/sse", "https://mcp.example.com/sse"},
		{public, "https://mcp.example.com", ""},
		{public, "https://mcp.example.com/", ""},
		{public, "https://mcp.example.com/SSE", ""},
		{public, "https://mcp.example.com/sse//", ""},
		{public, "https://mcp.example.com/x/../sse", ""},
		{public, "https://mcp.example.com/%73se", ""},
		{public, "https://mcp.example.com/sse?x=1", ""},
		{public, "https://mcp.example.com/sse?", ""},
		{public, "https://mcp.example.com/sse#x", ""},
		{public, "https://mcp.example.com/sse#", ""},
		{public, "https://a@mcp.example.com/sse", ""},
		{public, "https://mcp.example.com:8443/sse", ""},
		{public, "https://mcp.example.com:80/sse", ""},
		{public, "https://mcp.example.com.evil/sse", ""},
		{public, "http://mcp.example.com/sse", ""},
		{public, "http://localhost:8080/sse", ""},
		{public, "/sse", ""},
		{public, "", ""},
		{public, "sse", ""},
		{public, "://", ""},
		{local, "http://localhost:8080/sse", "http://localhost:8080/sse"},
		{local, "http://127.0.0.1:8080/mcp", "http://127.0.0.1:8080/mcp"},
		{local, "http://[::1]:8080/sse", "http://[::1]:8080/sse"},
		{local, "http://localhost:9090/sse", ""},
		{local, "http://localhost/sse", ""},
	} {
		if got, ok := c.site.Resource(c.raw); got != c.want || ok != (c.want != "") {
			t.Errorf("Resource(%q) = %q, %v, want %q", c.raw, got, ok, c.want)
		}
	}
}

func TestIssuerAndSameResource(t *testing.T) {
	s := mustSite(t, "http://localhost:8080")
	for resource, want := range map[string]string{
		"http://localhost:8080/sse": "http://localhost:8080", "http://127.0.0.1:8080/mcp": "http://127.0.0.1:8080", "http://[::1]:8080/sse": "http://[::1]:8080",
		"https://elsewhere.example/sse": "http://localhost:8080",
	} {
		if got := s.Issuer(resource); got != want {
			t.Errorf("Issuer(%s) = %s", resource, got)
		}
	}
	if !s.SameResource("http://localhost:8080/sse", "http://127.0.0.1:8080/sse") {
		t.Error("two spellings of the loopback host are two resources")
	}
	for _, other := range []string{"http://localhost:8080/mcp", "http://127.0.0.1:8080/mcp", "http://localhost:9090/sse", "https://localhost:8080/sse"} {
		if s.SameResource("http://localhost:8080/sse", other) {
			t.Errorf("the same as %s", other)
		}
	}
}

func TestOwns(t *testing.T) {
	public, local := mustSite(t, "https://mcp.example.com"), mustSite(t, "http://localhost:8080")
	for _, c := range []struct {
		site         oauth.Site
		scheme, host string
		want         bool
	}{
		{public, "https", "mcp.example.com", true},
		{public, "HTTPS", "MCP.example.com:443", true},
		{public, "https", "mcp.example.com:8443", false},
		{public, "http", "mcp.example.com", false},
		{public, "https", "x.mcp.example.com", false},
		{local, "http", "127.0.0.1:8080", true},
		{local, "http", "[::1]:8080", true},
		{local, "http", "localhost", false},
		{local, "https", "localhost:8080", false},
	} {
		if got := c.site.Owns(c.scheme, c.host); got != c.want {
			t.Errorf("Owns(%s, %s) = %v", c.scheme, c.host, got)
		}
	}
}
