package client_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"mcp-oauth-server/router/client"
)

func TestRealClientsRedirectURIsAreAccepted(t *testing.T) {
	for _, uri := range []string{
		"cursor://anysphere.cursor-mcp/oauth/callback",
		"https://www.cursor.com/agents/mcp/oauth/callback",
		"http://localhost:8787/callback",
		"http://localhost/callback",
		"http://127.0.0.1/callback",
		"https://insiders.vscode.dev/redirect",
		"http://127.0.0.1/",
		"http://127.0.0.1:33418/",
		"http://127.0.0.1:41787/callback/G03urEZeYted",
		"http://[::1]:3000/cb",
		"https://claude.ai/api/mcp/auth_callback",
		"https://chatgpt.com/connector/oauth/abc_DEF-1",
		"https://chat.example.com/api/mcp/my%20server/oauth/callback",
		"https://app.example:8443/cb?tenant=a&x=%2F",
		"https://xn--bcher-kva.example/cb",
		"https://192.0.2.7/cb",
		"https://[2001:db8::1]:8443/cb",
		"https://app.example",
		"https://app.example?x=1",
		"jetbrains://idea/callback",
		"com.example.app:/oauth2redirect",
		"com.example.app:/",
		"com.example.app:///oauth",
		"com.example.app://oauth2redirect",
		"ms-teams-app+x.y://cb",
		"https://app.example/" + strings.Repeat("a", client.MaxRedirectURI-len("https://app.example/")),
	} {
		if err := client.CheckRedirectURI(uri, site(t, siteURL)); err != nil {
			t.Errorf("%s: %v", uri, err)
		}
	}
}

// Every disguise of a dangerous scheme must be recognised as that scheme, not
// only as a malformed URI: it refuses the whole registration.
func TestDeniedSchemes(t *testing.T) {
	schemes := []string{"javascript", "data", "vbscript", "blob", "file", "about", "ftp", "ws", "wss", "filesystem", "view-source", "intent", "mailto"}
	disguises := []func(string) string{
		func(s string) string { return s },
		strings.ToUpper,
		func(s string) string { return strings.ToUpper(s[:1]) + s[1:] },
		func(s string) string { return " " + s },
		func(s string) string { return "\t" + s },
		func(s string) string { return "\x00" + s },
		func(s string) string { return "\u00a0" + s },
		func(s string) string { return "%0a" + s },
		func(s string) string { return "%20" + s },
		func(s string) string { return "//" + s },
		func(s string) string { return s[:1] + "\n" + s[1:] },
		func(s string) string { return s[:1] + "%0d%0a" + s[1:] },
		func(s string) string { return s + " " },
		func(s string) string { return fmt.Sprintf("%%%02x", s[0]) + s[1:] },
	}
	rests := []string{":alert(1)", "://host/path", ":/x", ":", "%3aalert(1)"}
	tried := 0
	for _, scheme := range schemes {
		for _, disguise := range disguises {
			for _, rest := range rests {
				uri := disguise(scheme) + rest
				if err := client.CheckRedirectURI(uri, site(t, siteURL)); !errors.Is(err, client.ErrDenied) {
					t.Errorf("%q: got %v", uri, err)
				}
				tried++
			}
		}
	}
	if tried < 200 {
		t.Errorf("only %d variants", tried)
	}
}

func TestRefusedRedirectURIs(t *testing.T) {
	for _, group := range []struct {
		fault string
		uris  []string
	}{
		{"http on something else", []string{
			"http://example.com/cb", "http://localhost.evil.com/cb", "http://127.0.0.1.evil.com/cb", "http://[::1].evil/cb",
			"http://127.1/cb", "http://0x7f000001/cb", "http://2130706433/cb", "http://0.0.0.0/cb", "http://127.0.0.2/cb",
			"http://LOCALHOST/cb", "http://localhost./cb", "http://[0:0:0:0:0:0:0:1]/cb", "http://[::ffff:127.0.0.1]/cb",
			"http://localhost:0/cb", "http://localhost:65536/cb", "http://localhost:080/cb", "http://localhost:/cb",
			"http:///cb", "http://", "http:/cb", "http:localhost/cb",
		}},
		{"user information", []string{"http://localhost@evil.com", "https://a@b/cb", "https://a@@b/cb", "https://a:b@c/cb", "https://good%40evil/cb", "cursor://a@b/cb"}},
		{"backslash", []string{`https://good\@evil`, `https:\\evil`, `https://good/a\..\b`, "https://good/a%5c..%5cb", `cursor:\\host\cb`}},
		{"no host", []string{"https:///evil", "https:/evil", "https://", "https:", "https://:443/cb", "https://?x"}},
		{"scheme", []string{"//evil", "/cb", "cb", "", ":", "://x/y", "1app://cb", "a_b://cb", "c:/windows", "app"}},
		{"upper case", []string{"HTTPS://app.example/cb", "Http://localhost/cb"}},
		{"behind its scheme", []string{"myapp:", "myapp://", "myapp:cb", "myapp:?x=1", "localhost:8080/cb"}},
		{"space, a control character", []string{"https://a.example/c b", "https://a.example/\tcb", "https://a.exa\rmple/cb", "https://a.example/\x00", "https://bücher.example/cb", "https://a.example/ü", " https://a.example/cb", "https://a.example/cb\n"}},
		{"percent-encod", []string{"https://a.example/%", "https://a.example/%2", "https://a.example/%zz", "https://a.example/%0a", "https://a.example/cb?x=%00", "https://a.example/%7f", "https://a.example/<b>", "https://a.example/\"x\"", "https://a.example/{x}", "https://a%2eexample/cb", "https://[fe80::1%25eth0]/cb"}},
		{"fragment", []string{"https://a.example/cb#", "https://a.example/cb#x", "https://a.example#/cb", "cursor://a/cb#x"}},
		{"wildcard", []string{"https://*.example/cb", "https://a.example/*", "https://a.example/%2a", "cursor://*/cb", "myapp:/*"}},
		{"dot segment", []string{"https://a.example/a/../b", "https://a.example/..", "https://a.example/./b", "https://a.example/a/.", "https://a.example/..;/b", "https://a.example/a/..;x=1/b", "https://a.example/%2e%2e/b", "https://a.example/.%2E/b", "https://a.example/a%2f..%2fb", "cursor://a/../b", "myapp:/../b"}},
		{"itself encoded", []string{"https://a.example/%252e%252e/b", "https://a.example/%25"}},
		{"port", []string{"https://a.example:/cb", "https://a.example:0/cb", "https://a.example:65536/cb", "https://a.example:0443/cb", "https://a.example:443x/cb", "https://[2001:db8::1]:/cb"}},
		{"IPv4", []string{"https://127.1/cb", "https://0x7f.0.0.1/cb", "https://2130706433/cb", "https://0x7f000001/cb", "https://127.0.0.01/cb", "https://256.1.1.1/cb", "https://1.2.3.4.5/cb", "https://app.0x1/cb", "https://app.1/cb"}},
		{"IPv6", []string{"https://[::1/cb", "https://[::1]x/cb", "https://[::ffff:192.0.2.1]/cb", "https://[127.0.0.1]/cb", "https://[]/cb"}},
		{"plain", []string{"https://a.example./cb", "https://.example/cb", "https://a..example/cb", "https://a,b/cb", "https://a;b/cb", "https://a.example:80:80/cb", "cursor://a..b/cb", "cursor://a:b/cb", "cursor://a;b/cb"}},
		{"address of this server", []string{
			"http://localhost:8080/callback", "http://127.0.0.1:8080/authorize", "http://[::1]:8080/consent", "http://localhost:8080/anything", "http://localhost:8080",
		}},
		{"longer than", []string{"https://app.example/" + strings.Repeat("a", client.MaxRedirectURI)}},
	} {
		for _, uri := range group.uris {
			err := client.CheckRedirectURI(uri, site(t, siteURL))
			if err == nil || errors.Is(err, client.ErrDenied) || !strings.Contains(err.Error(), group.fault) {
				t.Errorf("%q: got %v, want …%s…", uri, err, group.fault)
			}
		}
	}
}

func TestOwnOriginInEverySpelling(t *testing.T) {
	public := site(t, "https://mcp.example.com")
	for _, uri := range []string{"https://mcp.example.com/callback", "https://MCP.Example.com/callback", "https://mcp.example.com:443/callback", "https://mcp.example.com"} {
		if client.CheckRedirectURI(uri, public) == nil {
			t.Errorf("accepted: %s", uri)
		}
	}
	for _, uri := range []string{"https://mcp.example.com:8443/cb", "https://other.example.com/callback", "http://localhost:8080/callback"} {
		if err := client.CheckRedirectURI(uri, public); err != nil {
			t.Errorf("%s: %v", uri, err)
		}
	}
}

// Whatever is accepted, another parser reads with the same scheme and host, and
// writes back byte for byte.
func FuzzCheckRedirectURI(f *testing.F) {
	for _, uri := range []string{
		"https://app.example/cb?x=1", "http://localhost:8787/callback", "cursor://anysphere.cursor-mcp/oauth/callback", "com.example.app:/x",
		`https://good\@evil`, "https://a@@b", "http://[::1]:80/", "javascript:alert(1)", "https://a/%2e%2e/", "https://a?b/c", "x://?", "a+b:///c?d?e",
	} {
		f.Add(uri)
	}
	s := site(f, siteURL)
	f.Fuzz(func(t *testing.T, raw string) {
		if client.CheckRedirectURI(raw, s) != nil {
			return
		}
		u, err := url.Parse(raw)
		if err != nil || u.User != nil || u.Fragment != "" || u.Opaque != "" || len(raw) > client.MaxRedirectURI {
			t.Fatalf("accepted %q, net/url: %+v %v", raw, u, err)
		}
		scheme, rest, _ := strings.Cut(raw, ":")
		if !strings.EqualFold(scheme, u.Scheme) {
			t.Errorf("%q: scheme %q", raw, u.Scheme)
		}
		authority := ""
		if strings.HasPrefix(rest, "//") {
			authority = rest[2:]
			if i := strings.IndexAny(authority, "/?#\\"); i >= 0 {
				authority = authority[:i]
			}
		}
		if u.Host != authority {
			t.Errorf("%q: host %q, by hand %q", raw, u.Host, authority)
		}
		if u.Scheme == "http" && u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1" && u.Hostname() != "::1" {
			t.Errorf("%q: http to %q", raw, u.Hostname())
		}
		// net/url writes "x:///y" as it read it only since it keeps the empty
		// authority; a lone "?" is kept too.
		if got := u.String(); !strings.EqualFold(got[:len(u.Scheme)], scheme) || got[len(u.Scheme):] != raw[len(scheme):] {
			t.Errorf("%q is written back as %q", raw, got)
		}
	})
}
