package e2e

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// twins are two replicas with one key ring; the second listens on another port than the one its SERVER_URL names.
func twins(t *testing.T) (first, second *target) {
	t.Helper()
	keys := "KEYS=" + newKeys()
	first, idp := attackBehind(t, keys)
	other := startReplica(t, append(providerSettings(idp), keys, "SERVER_URL="+first.base))
	second = aim(t, other)
	return first, second
}

// A code works once per replica, and only together with what proves that its holder asked for it. A refusal does not
// use it up, except the refusal of a second use.
func TestCodesAreTheirHoldersAlone(t *testing.T) {
	t.Parallel()
	g, second := twins(t)
	a, b := g.untilCode(t, "user"), g.untilCode(t, "user")

	t.Run("refused", func(t *testing.T) {
		challenge, _ := url.Parse(a.authorizeURL())
		for _, test := range []struct {
			name    string
			changes []string
			want    string
		}{
			{"no verifier", []string{"code_verifier", "-"}, "invalid_request"},
			{"an empty verifier", []string{"code_verifier", ""}, "invalid_request"},
			{"another verifier", []string{"code_verifier", strings.Repeat("x", 43)}, "invalid_grant"},
			{"another login's verifier", []string{"code_verifier", b.verifier}, "invalid_grant"},
			{"the challenge as verifier", []string{"code_verifier", challenge.Query().Get("code_challenge")}, "invalid_grant"},
			{"42 characters", []string{"code_verifier", a.verifier[:42]}, "invalid_request"},
			{"129 characters", []string{"code_verifier", strings.Repeat("x", 129)}, "invalid_request"},
			{"100 KB", []string{"code_verifier", strings.Repeat("x", 60<<10)}, "invalid_request"},
			{"a space", []string{"code_verifier", a.verifier + " "}, "invalid_request"},
			{"unicode", []string{"code_verifier", a.verifier + "é"}, "invalid_request"},
			{"a padded verifier", []string{"code_verifier", a.verifier + "="}, "invalid_request"},
			{"the twin's code", []string{"code", b.code}, "invalid_grant"},
			{"the twin's client_id", []string{"client_id", b.clientID}, "invalid_grant"},
			{"no client_id", []string{"client_id", "-"}, "invalid_client"},
			{"an unknown client_id", []string{"client_id", "evil"}, "invalid_client"},
			{"another redirect_uri", []string{"redirect_uri", "https://evil.example/cb"}, "invalid_grant"},
			{"another of the client's own", []string{"redirect_uri", "https://www.cursor.com/agents/mcp/oauth/callback"}, "invalid_grant"},
			{"another port", []string{"redirect_uri", "http://localhost:8788/callback"}, "invalid_grant"},
			{"another server's resource", []string{"resource", "https://evil.example/sse"}, "invalid_target"},
			{"the other path's resource", []string{"resource", g.base + "/mcp"}, "invalid_target"},
			{"no code", []string{"code", "-"}, "invalid_request"},
			{"garbage", []string{"code", "x"}, "invalid_grant"},
			{"a long code", []string{"code", strings.Repeat("x", 9000)}, "invalid_request"},
			{"no grant_type", []string{"grant_type", "-"}, "invalid_request"},
			{"password", []string{"grant_type", "password"}, "unsupported_grant_type"},
			{"client_credentials", []string{"grant_type", "client_credentials"}, "unsupported_grant_type"},
			{"implicit", []string{"grant_type", "implicit"}, "unsupported_grant_type"},
			{"jwt-bearer", []string{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"}, "unsupported_grant_type"},
			{"device", []string{"grant_type", "urn:ietf:params:oauth:grant-type:device_code"}, "unsupported_grant_type"},
			{"other letter case", []string{"grant_type", "Authorization_Code"}, "unsupported_grant_type"},
			{"a secret", []string{"client_secret", "s3cret"}, "invalid_client"},
		} {
			t.Run(test.name, func(t *testing.T) { g.refuseToken(t, a.codeForm(test.changes...), test.want) })
		}
	})
	t.Run("the form", func(t *testing.T) {
		for _, name := range []string{"grant_type", "code", "code_verifier", "redirect_uri", "client_id", "unknown"} {
			g.refuseToken(t, a.codeForm()+"&"+name+"=x&"+name+"=y", "invalid_request")
		}
		g.refuseToken(t, a.codeForm()+"&code="+url.QueryEscape(a.code), "invalid_request") // even the same value
		g.refuseToken(t, a.codeForm()+"&resource="+url.QueryEscape(a.resource), "invalid_target")
		for _, junk := range []string{";code=x", "&x=%zz", "&x=%00", "&x=%c0%af", "&aaa%", "&\xff=1"} {
			g.refuseToken(t, a.codeForm()+junk, "invalid_request")
		}
		many := ""
		for i := range 100 {
			many += fmt.Sprintf("&p%d=x", i)
		}
		g.refuseToken(t, a.codeForm()+many, "invalid_request")
	})
	t.Run("not in the URL", func(t *testing.T) {
		g.wantError(t, g.form(t, "/token?"+a.codeForm(), ""), "invalid_request")
		g.wantError(t, g.form(t, "/token?"+a.codeForm(), a.codeForm()), "invalid_request")
		g.wantError(t, g.form(t, "/token?code=x", a.codeForm()), "invalid_request")
		for _, method := range []string{"GET", "PUT", "DELETE", "HEAD"} {
			if r := g.tell(t, method, "/token?"+a.codeForm(), ""); r.status != http.StatusMethodNotAllowed {
				t.Errorf("%s /token answers %d", method, r.status)
			}
		}
	})
	t.Run("other bodies", func(t *testing.T) {
		for _, kind := range []string{"application/json", "text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded/x", "", ";", "a/b;c;d=\""} {
			g.wantError(t, g.tell(t, http.MethodPost, "/token", a.codeForm(), "Content-Type", kind), "invalid_request")
		}
		g.wantError(t, g.tell(t, http.MethodPost, "/token", `{"grant_type":"authorization_code"}`, "Content-Type", "application/json"), "invalid_request")
		multipart := "--x\r\nContent-Disposition: form-data; name=\"grant_type\"\r\n\r\nauthorization_code\r\n--x--\r\n"
		g.wantError(t, g.tell(t, http.MethodPost, "/token", multipart, "Content-Type", "multipart/form-data; boundary=x"), "invalid_request")
		g.wantError(t, g.form(t, "/token", a.codeForm(), "Content-Encoding", "gzip"), "invalid_request")
		if r := g.form(t, "/token", a.codeForm()+"&x="+strings.Repeat("a", 1<<20)); r.status != http.StatusRequestEntityTooLarge || r.errorCode() == "" {
			t.Errorf("1 MB: %d %.100s", r.status, r.body)
		}
	})
	t.Run("Basic", func(t *testing.T) {
		basic := func(credentials string) string {
			return "Basic " + base64.StdEncoding.EncodeToString([]byte(credentials))
		}
		for _, test := range []struct{ name, header, form, want string }{
			{"a secret nobody gave out", basic(a.clientID + ":secret"), a.codeForm("client_id", "-"), "invalid_client"},
			{"another client", basic(b.clientID + ":"), a.codeForm(), "invalid_client"},
			{"no colon", basic(a.clientID), a.codeForm(), "invalid_client"},
			{"no id", basic(":"), a.codeForm("client_id", "-"), "invalid_client"},
			{"bad escape", basic("%zz:"), a.codeForm("client_id", "-"), "invalid_client"},
			{"no base64", "Basic ???", a.codeForm(), "invalid_client"},
			{"base64 without padding", strings.TrimRight(basic("ab:"), "="), a.codeForm(), "invalid_client"},
			{"nothing", "Basic", a.codeForm(), "invalid_client"},
			{"Bearer", "Bearer " + a.code, a.codeForm(), "invalid_client"},
			{"and a secret in the body", basic(a.clientID + ":"), a.codeForm("client_secret", "x"), "invalid_request"},
		} {
			t.Run(test.name, func(t *testing.T) {
				r := g.form(t, "/token", test.form, "Authorization", test.header)
				g.wantError(t, r, test.want)
				if test.want == "invalid_client" && !strings.HasPrefix(r.header.Get("WWW-Authenticate"), "Basic") {
					t.Errorf("WWW-Authenticate %q", r.header.Get("WWW-Authenticate"))
				}
			})
		}
		g.wantError(t, g.form(t, "/token", a.codeForm(), "Authorization", basic(a.clientID+":"), "Authorization", basic(a.clientID+":")), "invalid_request")
	})
	t.Run("and after all that it works", func(t *testing.T) {
		r := g.form(t, "/token", a.codeForm("scope", "mcp:tools admin"), "Authorization", "basic "+base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(a.clientID)+":")))
		decode(t, r.body, &a.tokens)
		if r.status != http.StatusOK || a.tokens.Scope != "mcp:tools" {
			t.Fatalf("%d %.200s", r.status, r.errorCode())
		}
		secrets.add(a.tokens.AccessToken, a.tokens.RefreshToken)
		if r.header.Get("Pragma") != "no-cache" || r.header.Get("Access-Control-Allow-Credentials") != "" || len(r.header.Values("Set-Cookie")) > 0 {
			t.Errorf("headers of the token response: %v", r.header)
		}
		g.refuseToken(t, a.codeForm(), "invalid_grant")
	})
	t.Run("the other replica does not know, but asks for the same proof", func(t *testing.T) {
		second.refuseToken(t, a.codeForm("code_verifier", strings.Repeat("x", 43)), "invalid_grant")
		if r := second.form(t, "/token", a.codeForm()); r.status != http.StatusOK {
			t.Logf("a shared guard would answer this: %d %s", r.status, r.errorCode())
		}
		second.refuseToken(t, a.codeForm(), "invalid_grant")
	})
	t.Run("fifty at once", func(t *testing.T) {
		var good, refused atomic.Int64
		flood(50, func(int) {
			switch r := g.form(t, "/token", b.codeForm()); {
			case r.status == http.StatusOK:
				good.Add(1)
			case r.errorCode() == "invalid_grant":
				refused.Add(1)
			}
		})
		if good.Load() != 1 || refused.Load() != 49 {
			t.Errorf("%d of 50 redeemed the code, %d were refused", good.Load(), refused.Load())
		}
	})
	t.Run("what may be left out", func(t *testing.T) {
		c := g.untilCode(t, "user")
		if r := g.form(t, "/token", c.codeForm("redirect_uri", "-", "resource", "-")); r.status != http.StatusOK {
			t.Errorf("PKCE proves what redirect_uri would: %d %s", r.status, r.body)
		}
	})
}

// A code that is a second too old is none.
func TestCodesExpire(t *testing.T) {
	t.Parallel()
	g, _ := attackBehind(t, "CODE_TTL=1s")
	a := g.untilCode(t, "user")
	g.refuseToken(t, a.codeForm("code_verifier", strings.Repeat("x", 43)), "invalid_grant")
	eventually(t, startTimeout, "the code expires", func() error {
		// A wrong verifier does not use the code up, so the answers tell the expiry from the refusal.
		if r := g.form(t, "/token", a.codeForm("code_verifier", strings.Repeat("x", 43))); !strings.Contains(r.body, "expired") {
			return fmt.Errorf("%d %s", r.status, r.body)
		}
		return nil
	})
	g.refuseToken(t, a.codeForm(), "invalid_grant")
}

// A refresh token is its client's, keeps to what was granted, and ends with its family.
func TestRefreshTokensKeepToTheirGrant(t *testing.T) {
	t.Parallel()
	g, _ := attackBehind(t)
	a, b := g.loggedIn(t, "user"), g.loggedIn(t, "user")

	for _, test := range []struct {
		name    string
		changes []string
		want    string
	}{
		{"another client", []string{"client_id", b.clientID}, "invalid_grant"},
		{"no client", []string{"client_id", "-"}, "invalid_client"},
		{"unknown client", []string{"client_id", "evil"}, "invalid_client"},
		{"a secret", []string{"client_secret", "x"}, "invalid_client"},
		{"another resource", []string{"resource", "https://evil.example/sse"}, "invalid_target"},
		{"the other path", []string{"resource", g.base + "/mcp"}, "invalid_target"},
		{"the access token", []string{"refresh_token", a.tokens.AccessToken}, "invalid_grant"},
		{"the code", []string{"refresh_token", a.code}, "invalid_grant"},
		{"as a code", []string{"grant_type", "authorization_code", "code", a.tokens.RefreshToken, "code_verifier", a.verifier}, "invalid_grant"},
		{"none", []string{"refresh_token", "-"}, "invalid_request"},
	} {
		t.Run(test.name, func(t *testing.T) { g.refuseToken(t, a.refreshForm(test.changes...), test.want) })
	}
	t.Run("twice in the form", func(t *testing.T) {
		g.refuseToken(t, a.refreshForm()+"&refresh_token=x", "invalid_request")
		g.refuseToken(t, a.refreshForm("resource", a.resource)+"&resource=x", "invalid_target")
	})
	t.Run("never wider", func(t *testing.T) {
		for _, scope := range []string{"mcp:tools admin", "admin", "offline_access", "mcp:tools mcp:tools", "", strings.Repeat("a ", 4000)} {
			r := g.form(t, "/token", a.refreshForm("scope", scope, "resource", a.resource))
			var got tokens
			decode(t, r.body, &got)
			secrets.add(got.AccessToken, got.RefreshToken)
			if r.status != http.StatusOK || got.Scope != "mcp:tools" {
				t.Errorf("scope %.30q: %d, granted %q", scope, r.status, got.Scope)
			}
		}
	})
	t.Run("rotates", func(t *testing.T) {
		for range 3 {
			a.refresh(t)
		}
		a.useTools(t)
	})
	t.Run("a bearer is no refresh token", func(t *testing.T) {
		if r := g.rpcTo(t, "/sse", a.tokens.RefreshToken, ping); r.status != http.StatusUnauthorized || !strings.Contains(r.header.Get("WWW-Authenticate"), `error="invalid_token"`) {
			t.Errorf("%d %q", r.status, r.header.Get("WWW-Authenticate"))
		}
	})
	t.Run("a client that asked for no refresh gets none", func(t *testing.T) {
		c := g.app("user")
		c.clientID = g.registerBody(t, `{"redirect_uris":["http://localhost:8787/callback"],"grant_types":["authorization_code"]}`)
		for _, step := range c.steps()[1:5] {
			step.do(t)
		}
		if r := g.form(t, "/token", c.codeForm()); r.status != http.StatusOK || strings.Contains(r.body, "refresh_token") {
			t.Errorf("%d, a refresh token: %t", r.status, strings.Contains(r.body, "refresh_token"))
		}
	})
}

// However often a login is refreshed, it ends: when it is not used, and at its absolute age.
func TestLoginsEnd(t *testing.T) {
	t.Parallel()
	for name, setting := range map[string]string{"at their age": "SESSION_TTL=3s", "when idle": "REFRESH_TOKEN_TTL=2s"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, _ := attackBehind(t, setting)
			a := g.loggedIn(t, "user")
			first := a.tokens.RefreshToken
			eventually(t, startTimeout, "the login ends", func() error {
				if name == "at their age" { // used all the time, and rotated
					if r := g.form(t, "/token", a.refreshForm()); r.status == http.StatusOK {
						decode(t, r.body, &a.tokens)
						secrets.add(a.tokens.AccessToken, a.tokens.RefreshToken)
					}
				}
				r := g.form(t, "/token", a.refreshForm("client_id", "evil", "refresh_token", first)) // uses nothing up
				g.wantError(t, r, "invalid_client")
				if r := g.form(t, "/token", a.refreshForm("resource", "https://evil.example/")); r.errorCode() != "invalid_grant" {
					return fmt.Errorf("still %s", r.errorCode())
				}
				return nil
			})
			g.refuseToken(t, a.refreshForm(), "invalid_grant")
			g.refuseToken(t, a.refreshForm("refresh_token", first), "invalid_grant")
		})
	}
}
