package client_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

func TestAllowsExactMatchOnly(t *testing.T) {
	c := resolve(t, "https://app.example/cb?tenant=a", "cursor://anysphere.cursor-mcp/oauth/callback", "http://localhost:8787/callback")
	for _, uri := range c.RedirectURIs {
		if !c.Allows(uri) {
			t.Errorf("registered but not allowed: %s", uri)
		}
	}
	for _, uri := range []string{"", "https://app.example/cb", "https://app.example/cb?tenant=b", "cursor://anysphere.cursor-mcp:1/oauth/callback"} {
		if c.Allows(uri) {
			t.Errorf("allowed but not registered: %q", uri)
		}
	}
}

func TestAllowsAnyPortOfALoopbackHost(t *testing.T) {
	for _, host := range []string{"localhost", "127.0.0.1", "[::1]"} {
		for _, registered := range []string{"http://" + host + "/cb", "http://" + host + ":3000/cb"} {
			c := resolve(t, registered)
			for _, port := range []string{"", ":1", ":80", ":3000", ":33418", ":65535"} {
				if !c.Allows("http://" + host + port + "/cb") {
					t.Errorf("registered %s: port %q not allowed", registered, port)
				}
			}
			for _, port := range []string{":", ":0", ":00", ":080", ":65536", ":99999", ":-1", ":+1", ":1e3", ":0x50", ":80@evil.example", ":8080.evil.example", ": 80", ":８０"} {
				if c.Allows("http://" + host + port + "/cb") {
					t.Errorf("registered %s: port %q allowed", registered, port)
				}
			}
			for _, other := range []string{"localhost", "127.0.0.1", "[::1]", "127.0.0.2", "LOCALHOST"} {
				if other != host && c.Allows("http://"+other+":3000/cb") {
					t.Errorf("registered %s: host %s allowed", registered, other)
				}
			}
		}
	}
}

func TestAllowsNoPortVarianceForHTTPSAndPrivateSchemes(t *testing.T) {
	c := resolve(t, "https://localhost/cb", "https://127.0.0.1:1/cb", "myapp://localhost/cb")
	for _, uri := range []string{"https://localhost:8443/cb", "https://127.0.0.1/cb", "https://127.0.0.1:2/cb", "myapp://localhost:1/cb", "http://localhost/cb"} {
		if c.Allows(uri) {
			t.Errorf("allowed: %s", uri)
		}
	}
}

// A registration without a port must not open the way to the server's own port
// on the same host, where a code would land in a query of its own callback.
func TestAllowsNeverThisServer(t *testing.T) {
	c := resolve(t, "http://localhost/callback", "http://127.0.0.1:3000/callback")
	for _, uri := range []string{"http://localhost:8080/callback", "http://127.0.0.1:8080/callback"} {
		if c.Allows(uri) {
			t.Errorf("allowed: %s", uri)
		}
	}
}

// Not one of some hundred systematic changes of a registered URI is allowed.
func TestAllowsNoMutation(t *testing.T) {
	for _, registered := range []string{
		"https://app.example/oauth/callback?tenant=a",
		"http://127.0.0.1:3000/oauth/callback",
		"http://localhost/cb",
		"cursor://anysphere.cursor-mcp/oauth/callback",
	} {
		c := resolve(t, registered)
		all := mutations(registered)
		if len(all) < 300 {
			t.Errorf("only %d mutations of %s", len(all), registered)
		}
		for _, m := range all {
			if c.Allows(m) && !onlyPortDiffers(registered, m) {
				t.Errorf("registered %q: allowed %q", registered, m)
			}
		}
	}
}

// onlyPortDiffers is the exception of RFC 8252 §7.3, told by net/url.
func onlyPortDiffers(registered, sent string) bool {
	a, errA := url.Parse(registered)
	b, errB := url.Parse(sent)
	if errA != nil || errB != nil || a.Scheme != "http" || b.Scheme != "http" || a.Hostname() != b.Hostname() || b.User != nil {
		return false
	}
	a.Host, b.Host = a.Hostname(), b.Hostname()
	return a.String() == b.String()
}

// mutations changes, drops, doubles and encodes each byte, and adds what
// attackers add.
func mutations(uri string) []string {
	seen := map[string]bool{uri: true}
	var all []string
	add := func(s string) {
		if !seen[s] {
			seen[s] = true
			all = append(all, s)
		}
	}
	for i := range len(uri) {
		before, c, after := uri[:i], uri[i:i+1], uri[i+1:]
		for _, m := range []string{"", c + c, strings.ToUpper(c), fmt.Sprintf("%%%02x", c[0]), fmt.Sprintf("%%25%02x", c[0]), "é", ".", "/", "\\", "\x00", "\t", "@", "*", " "} {
			add(before + m + after)
		}
	}
	for _, s := range []string{"/", "?", "#", "?x=1", "&x=1", "/..", "/../x", "/.", ";x", "%2f", "%2e%2e", "%00", "%0d%0a", " ", "\n", ".evil.example", "@evil.example", ":80", "*"} {
		add(uri + s)
		add(s + uri)
	}
	authority := strings.Index(uri, "//") + 2
	for _, s := range []string{"evil.example/", "evil.example@", "evil.example:80@", "a.", "/", "\\", "evil.example#", "evil.example?", "evil.example\\", "%00", "*."} {
		add(uri[:authority] + s + uri[authority:])
	}
	add(strings.Replace(uri, "://", ":///", 1))
	add(strings.Replace(uri, "://", ":/", 1))
	add(strings.Replace(uri, "://", ":", 1))
	add(strings.Replace(uri, "http:", "https:", 1))
	add(strings.Replace(uri, "https:", "http:", 1))
	add(strings.Replace(uri, "/", "\\", 3))
	return all
}
