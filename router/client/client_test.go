package client_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/crypto/jose"
	"mcp-oauth-server/router/client"
	"mcp-oauth-server/router/oauth"
)

const siteURL = "http://localhost:8080"

func site(t testing.TB, url string) oauth.Site {
	t.Helper()
	s, err := oauth.NewSite(url)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// vault holds a fresh key ring, so two vaults never understand each other.
func vault(t testing.TB) *artifact.Vault {
	t.Helper()
	secrets, err := jose.ParseSecrets(jose.NewSecret())
	if err != nil {
		t.Fatal(err)
	}
	ring, err := jose.NewRing(siteURL, secrets)
	if err != nil {
		t.Fatal(err)
	}
	return &artifact.Vault{
		Ring: ring, Algorithm: jose.EdDSA, Issuers: []string{siteURL},
		Lifetimes: artifact.Lifetimes{Code: time.Minute, Access: time.Minute, Idle: time.Hour, Session: 2 * time.Hour},
		Now:       func() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) },
	}
}

// registered seals a registration without asking any rule, as an older version
// of the server might have done.
func registered(t testing.TB, v *artifact.Vault, name string, uris ...string) string {
	t.Helper()
	id, err := artifact.NewSealer[artifact.ClientRegistration](v).Seal(artifact.ClientRegistration{Name: name, RedirectURIs: uris})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func resolver(t testing.TB, v *artifact.Vault) *client.Resolver {
	return client.NewResolver(artifact.NewOpener[artifact.ClientRegistration](v), site(t, siteURL))
}

func resolve(t testing.TB, uris ...string) client.Client {
	t.Helper()
	v := vault(t)
	c, err := resolver(t, v).Resolve(registered(t, v, "An app", uris...))
	if err != nil {
		t.Fatalf("resolving %q: %v", uris, err)
	}
	return c
}

func TestResolveReturnsTheRegistration(t *testing.T) {
	v := vault(t)
	id := registered(t, v, "An app", "https://app.example/cb")
	c, err := resolver(t, v).Resolve(id)
	if err != nil {
		t.Fatal(err)
	}
	if c.ID != artifact.DigestOf(id) || c.Name != "An app" || len(c.RedirectURIs) != 1 || c.NoRefresh {
		t.Errorf("got %+v", c)
	}
}

func TestResolveRefusesWhatIsNoRegistrationOfThisServer(t *testing.T) {
	v := vault(t)
	id := registered(t, v, "An app", "https://app.example/cb")
	code, err := artifact.NewSealer[artifact.AuthorizationCode](v).Seal(artifact.AuthorizationCode{})
	if err != nil {
		t.Fatal(err)
	}
	refused := map[string]string{
		"empty":           "",
		"garbage":         "client-1",
		"another kind":    code,
		"another ring":    registered(t, vault(t), "An app", "https://app.example/cb"),
		"a byte missing":  id[:len(id)-1],
		"a byte too many": id + "A",
		"too long":        strings.Repeat("a", 1<<20),
	}
	for name, id := range refused {
		if _, err := resolver(t, v).Resolve(id); !errors.Is(err, client.ErrUnknown) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestResolveHoldsOldRegistrationsToTodaysRules(t *testing.T) {
	v := vault(t)
	c, err := resolver(t, v).Resolve(registered(t, v, "Old", "javascript:alert(1)", "https://app.example/cb"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Allows("javascript:alert(1)") || !c.Allows("https://app.example/cb") {
		t.Errorf("redirect URIs kept: %q", c.RedirectURIs)
	}
	if _, err := resolver(t, v).Resolve(registered(t, v, "Old", "javascript:alert(1)")); !errors.Is(err, client.ErrUnknown) {
		t.Errorf("a registration with nothing acceptable: got %v", err)
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		name string
		uris []string
		want string
	}{
		{"My app", []string{"cursor://x/cb"}, "My app"},
		{"", []string{"cursor://anysphere.cursor-mcp/oauth/callback"}, "Cursor"},
		{"", []string{"http://localhost:8787/callback", "https://www.cursor.com/agents/mcp/oauth/callback"}, "Cursor"},
		{"", []string{"https://vscode.dev/redirect", "http://127.0.0.1:33418/"}, "VS Code"},
		{"", []string{"https://insiders.vscode.dev/redirect"}, "VS Code"},
		{"", []string{"zed://callback"}, "Zed"},
		{"", []string{"windsurf://cb"}, "Windsurf"},
		{"", []string{"https://claude.ai/api/mcp/auth_callback"}, "Claude"},
		{"", []string{"https://chatgpt.com/connector_platform_oauth_redirect"}, "ChatGPT"},
		{"", []string{"https://tools.example.com/cb"}, "tools.example.com"},
		{"", []string{"http://localhost:8787/callback"}, "localhost:8787"},
		{"", []string{"myapp:/cb"}, "myapp://"},
		// Look-alikes are not recognised.
		{"", []string{"https://cursor.com.evil.example/cb"}, "cursor.com.evil.example"},
		{"", []string{"https://evilcursor.com/cb"}, "evilcursor.com"},
		{"", []string{"https://evil.example/cursor.com"}, "evil.example"},
	} {
		if got := client.NameOf(c.name, c.uris); got != c.want {
			t.Errorf("NameOf(%q, %q) = %q, want %q", c.name, c.uris, got, c.want)
		}
	}
}

func TestDescribe(t *testing.T) {
	for uri, want := range map[string]client.Destination{
		"https://App.Example/cb?x=1":     {Scheme: "https", Host: "app.example"},
		"https://app.example:8443/cb":    {Scheme: "https", Host: "app.example:8443"},
		"https://localhost/cb":           {Scheme: "https", Host: "localhost"},
		"http://localhost:8787/callback": {Scheme: "http", Host: "localhost:8787", Loopback: true},
		"http://[::1]:3/cb":              {Scheme: "http", Host: "[::1]:3", Loopback: true},
		"cursor://anysphere.cursor-mcp/": {Scheme: "cursor", Host: "anysphere.cursor-mcp", Private: true},
		"com.example.app:/oauth":         {Scheme: "com.example.app", Private: true},
	} {
		if err := client.CheckRedirectURI(uri, site(t, siteURL)); err != nil {
			t.Errorf("%s: %v", uri, err)
		}
		if got := client.Describe(uri); got != want {
			t.Errorf("Describe(%s) = %+v, want %+v", uri, got, want)
		}
	}
}
