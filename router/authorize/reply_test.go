package authorize

import (
	"net/url"
	"strings"
	"testing"

	"mcp-oauth-server/router/oauth"
)

func TestReplyURL(t *testing.T) {
	const iss = "https%3A%2F%2Fmcp.example.com"
	for _, c := range []struct{ redirectURI, state, want string }{
		{"https://app.example/cb", "xyz", "https://app.example/cb?code=C&state=xyz&iss=" + iss},
		{"https://app.example", "", "https://app.example?code=C&iss=" + iss},
		{"https://app.example/cb?a=1", "x", "https://app.example/cb?a=1&code=C&state=x&iss=" + iss},
		{"https://app.example/cb?", "x", "https://app.example/cb?code=C&state=x&iss=" + iss},
		{"https://app.example/cb?a=1&", "x", "https://app.example/cb?a=1&code=C&state=x&iss=" + iss},
		{"https://app.example/%7Ea/?q=%20b", "x", "https://app.example/%7Ea/?q=%20b&code=C&state=x&iss=" + iss},
		{"cursor://anysphere.cursor-mcp/oauth/callback", "x", "cursor://anysphere.cursor-mcp/oauth/callback?code=C&state=x&iss=" + iss},
		{"com.example.app:/cb", "x", "com.example.app:/cb?code=C&state=x&iss=" + iss},
		{"http://127.0.0.1:49152/callback", "a b+c&d=e#f%", "http://127.0.0.1:49152/callback?code=C&state=a%20b%2Bc%26d%3De%23f%25&iss=" + iss},
	} {
		got := reply{redirectURI: c.redirectURI, state: c.state, issuer: "https://mcp.example.com"}.code("C")
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.redirectURI, got, c.want)
		}
	}
}

func TestReplyError(t *testing.T) {
	got := reply{redirectURI: "https://app.example/cb", state: "x", issuer: "https://i"}.error(oauth.NewError("invalid_scope", "no such scope"))
	if want := "https://app.example/cb?error=invalid_scope&error_description=no%20such%20scope&state=x&iss=https%3A%2F%2Fi"; got != want {
		t.Errorf("got %s", got)
	}
}

// FuzzReplyURL: whatever the state is, the registered part stays byte by byte,
// what is added is one line of visible ASCII, and a client reads back exactly
// what was meant.
func FuzzReplyURL(f *testing.F) {
	for _, uri := range []string{"https://app.example/cb", "https://app.example/cb?a=1", "cursor://x/y", "app:/cb?", "http://[::1]:80/?&"} {
		f.Add(uri, "xyz")
		f.Add(uri, "a b\r\nX: y&code=evil#?%zz\"<>\x00é")
	}
	f.Fuzz(func(t *testing.T, redirectURI, state string) {
		registered, err := url.Parse(redirectURI)
		if err != nil || registered.Scheme == "" || strings.Contains(redirectURI, "#") {
			t.Skip("no redirect URI that a client can register")
		}
		before, err := url.ParseQuery(registered.RawQuery)
		if err != nil || before.Has("code") || before.Has("state") || before.Has("iss") {
			t.Skip("a query that says nothing certain already")
		}
		got := reply{redirectURI: redirectURI, state: state, issuer: "https://mcp.example.com"}.code("C")
		added, ok := strings.CutPrefix(got, redirectURI)
		if !ok || strings.ContainsFunc(added, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Fatalf("%q", got)
		}
		u, err := url.Parse(got)
		if err != nil || u.Scheme != registered.Scheme || u.Host != registered.Host || u.Path != registered.Path || u.Fragment != "" {
			t.Fatalf("%q reads as %+v, %v", got, u, err)
		}
		q, err := url.ParseQuery(u.RawQuery)
		if err != nil || len(q["code"]) != 1 || q.Get("code") != "C" || q.Get("iss") != "https://mcp.example.com" || q.Get("state") != state || len(q["state"]) > 1 {
			t.Fatalf("%q reads as %v, %v", got, q, err)
		}
		for name, values := range before {
			if len(q[name]) != len(values) {
				t.Fatalf("%q lost %s", got, name)
			}
		}
	})
}
