package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Each signature algorithm carries a login, and the published keys say so: a shared secret is never published.
func TestAccessTokenAlgorithms(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"EdDSA", "ES256", "HS256"} {
		t.Run(algorithm, func(t *testing.T) {
			server := startDevServer(t, "ACCESS_TOKEN_ALG="+algorithm)
			a := newApp(server.url(), "alice")
			a.login(t)
			a.useTools(t)
			a.refresh(t)
			a.useTools(t)
			_, jwks, err := get(server.url() + "/jwks.json")
			if err != nil {
				t.Fatal(err)
			}
			if published := strings.Contains(jwks, `"`+algorithm+`"`); published != (algorithm != "HS256") {
				t.Errorf("/jwks.json names %s: %t: %s", algorithm, published, jwks)
			}
			if strings.Contains(jwks, `"oct"`) || strings.Contains(jwks, `"d"`) {
				t.Errorf("/jwks.json holds a secret key")
			}
		})
	}
}

// A key ring comes from KEYS, from KEYS_FILE or from a first start, and `keys new` prints one that is good.
func TestKeyRingSources(t *testing.T) {
	t.Parallel()
	printed, err := exec.CommandContext(t.Context(), binary, "keys", "new").Output()
	if err != nil {
		t.Fatal(err)
	}
	key := strings.TrimSpace(string(printed))
	secrets.add(key)
	file := writeFile(t, t.TempDir(), "keys", key+"\n"+newKeys()+"\n")
	for name, env := range map[string]string{"KEYS": "KEYS=" + key, "KEYS_FILE": "KEYS_FILE=" + file} {
		t.Run(name, func(t *testing.T) {
			a := newApp(startDevServer(t, env).url(), "alice")
			a.login(t)
			a.useTools(t)
		})
	}
}

// A new secret is put first and the old one stays: nobody has to log in again. When the old one goes, what it sealed is
// refused in the way that makes clients start again.
func TestKeyRotationByRestart(t *testing.T) {
	t.Parallel()
	older, newer := newKeys(), newKeys()
	server := startDevServer(t, "KEYS="+older)
	base := len(server.env) - 1
	a := newApp(server.url(), "alice")
	a.login(t)

	server.env[base] = "KEYS=" + newer + "," + older
	server.restart(t)
	a.useTools(t)
	a.refresh(t)
	a.useTools(t)

	server.env[base] = "KEYS=" + newer
	server.restart(t)
	a.useTools(t)
	status, _, body := a.do(t, http.MethodPost, a.base+"/token", "application/x-www-form-urlencoded", url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {a.tokens.RefreshToken}, "client_id": {a.clientID},
	}.Encode())
	if status != http.StatusUnauthorized || !strings.Contains(body, `"invalid_client"`) {
		t.Errorf("a client of a removed key gets %d: %s", status, body)
	}
	p := a.browser.open(t, a.authorizeURL())
	if p.status != http.StatusBadRequest || p.location != nil || !strings.Contains(p.text(), "Cursor") {
		t.Errorf("a browser of a client of a removed key gets %d: %s", p.status, p.text())
	}
}

// Codes and refresh tokens die when the settings say so.
func TestLifetimes(t *testing.T) {
	t.Parallel()
	t.Run("CODE_TTL", func(t *testing.T) {
		t.Parallel()
		a := newApp(startDevServer(t, "CODE_TTL=1s").url(), "alice")
		for _, step := range a.steps()[:5] {
			step.do(t)
		}
		time.Sleep(2 * time.Second) // the server's clock is the real one
		a.expectInvalidGrant(t, url.Values{
			"grant_type": {"authorization_code"}, "code": {a.code}, "code_verifier": {a.verifier}, "redirect_uri": {a.redirect}, "client_id": {a.clientID},
		})
	})
	t.Run("REFRESH_TOKEN_TTL", func(t *testing.T) {
		t.Parallel()
		a := newApp(startDevServer(t, "REFRESH_TOKEN_TTL=3s").url(), "alice")
		a.login(t)
		time.Sleep(4 * time.Second)
		a.expectInvalidGrant(t, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {a.tokens.RefreshToken}, "client_id": {a.clientID}})
	})
	t.Run("SESSION_TTL", func(t *testing.T) {
		t.Parallel()
		a := newApp(startDevServer(t, "SESSION_TTL=8s").url(), "alice")
		a.login(t)
		end := time.Now().Add(9 * time.Second)
		for time.Until(end) > 5*time.Second {
			a.refresh(t)
			time.Sleep(time.Second)
		}
		time.Sleep(time.Until(end))
		a.expectInvalidGrant(t, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {a.tokens.RefreshToken}, "client_id": {a.clientID}})
	})
}

func (a *app) expectInvalidGrant(t *testing.T, form url.Values) {
	t.Helper()
	status, _, body := a.do(t, http.MethodPost, a.base+"/token", "application/x-www-form-urlencoded", form.Encode())
	if status != http.StatusBadRequest || !strings.Contains(body, `"invalid_grant"`) {
		t.Errorf("POST /token (%s) answers %d: %s", form.Get("grant_type"), status, body)
	}
}

// Who may log in, decided by subject, by e-mail address and by the domain of a verified one.
func TestAllowedUsers(t *testing.T) {
	t.Parallel()
	probe := newReplica(t, nil)
	settings := startIdP(t, probe.url()) // its subjects are the user names; bob's address is not verified
	for _, test := range []struct {
		env        string
		alice, bob bool
	}{
		{"ALLOWED_SUBJECTS=bob,carol", false, true},
		{"ALLOWED_EMAILS=ALICE@example.com", true, false},
		{"ALLOWED_EMAIL_DOMAINS=example.com", true, false},
		{"ALLOWED_EMAIL_DOMAINS=ample.com", false, false},
		{"ALLOW_ANY_USER=true", true, true},
	} {
		t.Run(test.env, func(t *testing.T) {
			server := &replica{owner: t, port: probe.port, admin: probe.admin, dir: t.TempDir()}
			server.env = append(append(server.env, probe.env...), append(settings, test.env)...)
			server.start(t)
			for user, allowed := range map[string]bool{"alice": test.alice, "bob": test.bob} {
				if a := newApp(server.url(), user); allowed {
					a.login(t)
					a.useTools(t)
				} else {
					a.expectShutOut(t)
				}
			}
		})
	}
}

// A provider without an ID token: three endpoints and plain OAuth 2, as the settings of old had it.
func TestPlainOAuth2Provider(t *testing.T) {
	t.Parallel()
	server := newReplica(t, nil)
	settings := startIdP(t, server.url())
	issuer := strings.TrimPrefix(settings[0], "OIDC_ISSUER=")
	server.env = append(server.env, settings[1], settings[2],
		"OIDC_AUTH_URL="+issuer+"/auth", "OIDC_TOKEN_URL="+issuer+"/token", "OIDC_USER_URL="+issuer+"/me")
	server.start(t)
	if !strings.Contains(server.output.String(), "WARN") {
		t.Error("no warning at the start that identities are not proven by an ID token")
	}
	a := newApp(server.url(), "alice")
	a.login(t)
	a.useTools(t)
}

// Without the legacy transport a GET of the endpoint is no stream, and Streamable HTTP goes on.
func TestLegacyTransportSwitchedOff(t *testing.T) {
	t.Parallel()
	server := startDevServer(t, "LEGACY_SSE=off")
	a := newApp(server.url(), "alice")
	a.login(t)
	if status, _ := a.openStream(t); status != http.StatusMethodNotAllowed {
		t.Errorf("GET /sse answers %d, want 405", status)
	}
	a.useTools(t)
}

// Browser pages of other origins are kept out, those of an origin in ALLOWED_ORIGINS are let in.
func TestAllowedOrigins(t *testing.T) {
	t.Parallel()
	server := startDevServer(t, "ALLOWED_ORIGINS=https://app.example.test")
	for origin, want := range map[string]int{
		"https://app.example.test": http.StatusUnauthorized, "https://evil.example.test": http.StatusForbidden, "null": http.StatusForbidden, "": http.StatusUnauthorized,
	} {
		request, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, server.url()+"/sse", strings.NewReader("{}"))
		if origin != "" {
			request.Header.Set("Origin", origin)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("a request from origin %q without a token answers %d, want %d", origin, response.StatusCode, want)
		}
	}
}

// A flag wins over the environment, which wins over the .env file.
func TestSettingsPrecedence(t *testing.T) {
	t.Parallel()
	byFlag := newReplica(t, []string{fmt.Sprintf("DEV_OIDC_ADDR=127.0.0.1:%d", freePort(t)), "CODE_TTL=never"}, "--dev", "--code-ttl=30s")
	writeFile(t, byFlag.dir, ".env", "ACCESS_TOKEN_TTL=77s\nCODE_TTL=forever\n")
	byFlag.start(t)
	a := newApp(byFlag.url(), "alice")
	a.login(t)
	if a.tokens.ExpiresIn != 77 {
		t.Errorf("expires_in is %d, want the 77 of the .env file", a.tokens.ExpiresIn)
	}
}

// The address on which somebody typed the server into a browser tells everything, and the snippet on it is true.
func TestLandingPageTellsHowToConnect(t *testing.T) {
	t.Parallel()
	server := startDevServer(t)
	b := newBrowser("alice")
	p := b.open(t, server.url()+"/")
	if p.status != http.StatusOK {
		t.Fatalf("GET / answers %d", p.status)
	}
	for _, want := range []string{"echo", "sum", "stock_price", "RFC 7591", "RFC 8414", "PKCE", server.url() + "/sse"} {
		if !strings.Contains(p.text(), want) {
			t.Errorf("the landing page does not say %q", want)
		}
	}
	for _, snippet := range p.snippets() {
		var config struct {
			Servers map[string]struct{ URL string } `json:"mcpServers"`
		}
		if json.Unmarshal([]byte(snippet), &config) != nil || len(config.Servers) != 1 {
			continue
		}
		for _, entry := range config.Servers {
			a := newApp(server.url(), "alice")
			a.resource = entry.URL
			a.login(t)
			a.useTools(t)
			return
		}
	}
	t.Error("the landing page shows no mcp.json")
}
