package authorize_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/router/oauth"
)

// TestFaultPages: as long as the redirect URI is not proven, nothing redirects.
func TestFaultPages(t *testing.T) {
	h := newHouse(t, public)
	good := h.request().Encode()
	other, err := oauth.NewSite(public)
	must(t, err)
	foreign, err := artifact.NewSealer[artifact.ClientRegistration](newVault(t, other, time.Now)).Seal(artifact.ClientRegistration{RedirectURIs: []string{webURI}})
	must(t, err)

	const incomplete, unknown, redirect, malformed = "incomplete", "does not know the app", "an address it has not registered", "cannot be read"
	for name, c := range map[string]struct{ query, title string }{
		"nothing at all":                 {"", incomplete},
		"no client_id":                   {h.request("client_id=").Encode(), incomplete},
		"empty client_id":                {h.request("client_id=").Encode() + "&client_id=", incomplete},
		"two client_ids":                 {good + "&client_id=x", incomplete},
		"no redirect_uri":                {h.request("redirect_uri=").Encode(), incomplete},
		"two redirect_uris":              {good + "&redirect_uri=" + url.QueryEscape(webURI), incomplete},
		"garbage client_id":              {h.request("client_id=garbage").Encode(), unknown},
		"client_id of another key ring":  {h.request("client_id=" + foreign).Encode(), unknown},
		"longer than 8 KB":               {good + "&x=" + strings.Repeat("x", 8<<10), malformed},
		"bad percent-encoding":           {good + "&x=%zz", malformed},
		"invalid UTF-8":                  {good + "&x=%ff", malformed},
		"NUL in state":                   {good + "&x=%00", malformed},
		"semicolon":                      {good + "&x=1;y=2", malformed},
		"too many parameters":            {good + strings.Repeat("&a=1", 1) + manyParams(80), malformed},
		"not registered":                 {h.request("redirect_uri=https://evil.example/cb").Encode(), redirect},
		"suffix":                         {h.request("redirect_uri=" + webURI + "/x").Encode(), redirect},
		"extra query":                    {h.request("redirect_uri=" + webURI + "?x=1").Encode(), redirect},
		"upper-case host":                {h.request("redirect_uri=https://APP.example.net/cb").Encode(), redirect},
		"port of https":                  {h.request("redirect_uri=https://app.example.net:8443/cb").Encode(), redirect},
		"loopback port 0":                {h.request("redirect_uri=http://127.0.0.1:0/callback").Encode(), redirect},
		"loopback port 99999":            {h.request("redirect_uri=http://127.0.0.1:99999/callback").Encode(), redirect},
		"loopback port -1":               {h.request("redirect_uri=http://127.0.0.1:-1/callback").Encode(), redirect},
		"loopback port and userinfo":     {h.request("redirect_uri=http://127.0.0.1:80@evil/callback").Encode(), redirect},
		"loopback prefix of a host":      {h.request("redirect_uri=http://127.0.0.1:8080.evil/callback").Encode(), redirect},
		"localhost for 127.0.0.1":        {h.request("redirect_uri=http://localhost/callback").Encode(), redirect},
		"line break":                     {h.request("redirect_uri=" + webURI + "\r\nX: y").Encode(), redirect},
		"script, registered of old":      {h.request("client_id="+h.register("Old", "javascript:alert(1)", webURI), "redirect_uri=javascript:alert(1)").Encode(), redirect},
		"only script, registered of old": {h.request("client_id="+h.register("Old", "javascript:alert(1)"), "redirect_uri=javascript:alert(1)").Encode(), unknown},
	} {
		t.Run(name, func(t *testing.T) {
			p := h.browser().get("/authorize?" + c.query)
			p.isFault(t, http.StatusBadRequest, c.title)
			if len(p.Cookies()) > 0 {
				t.Errorf("cookies %v", p.Cookies())
			}
			if c.title == unknown && !strings.Contains(p.text(), "rm -rf ~/.mcp-auth") {
				t.Error("the page does not tell how to reset a client")
			}
		})
	}
}

func manyParams(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("&p" + strings.Repeat("x", i) + "=1")
	}
	return b.String()
}

// TestEveryByteOfAClientID: a client_id with any character changed or left out
// is none.
func TestEveryByteOfAClientID(t *testing.T) {
	h := newHouse(t, public)
	b := h.browser()
	id := h.register("Tester", webURI)
	for i := range id {
		changed := "A"
		if id[i] == 'A' {
			changed = "B"
		}
		for _, bad := range []string{id[:i] + changed + id[i+1:], id[:i] + id[i+1:]} {
			if p := b.get("/authorize?" + h.request("client_id="+bad).Encode()); p.StatusCode != http.StatusBadRequest || p.Header.Get("Location") != "" {
				t.Fatalf("byte %d changed: status %d", i, p.StatusCode)
			}
		}
	}
}

// TestOtherArtifacts puts every other artifact into the place of each that this
// room opens.
func TestOtherArtifacts(t *testing.T) {
	h := newHouse(t, public)
	request := artifact.AuthorizationRequest{RedirectURI: webURI, Resource: public + "/sse"}
	sealed := func(token string, err error) string {
		must(t, err)
		return token
	}
	letters := map[string]string{
		"client":  h.register("Tester", webURI),
		"ticket":  sealed(artifact.NewSealer[artifact.ConsentTicket](h.vault).Seal(artifact.ConsentTicket{AuthorizationRequest: request})),
		"state":   sealed(artifact.NewSealer[artifact.UpstreamState](h.vault).Seal(artifact.UpstreamState{AuthorizationRequest: request})),
		"long":    sealed(artifact.NewSealer[artifact.LongState](h.vault).Seal(artifact.LongState{State: "x"})),
		"code":    sealed(artifact.NewSealer[artifact.AuthorizationCode](h.vault).Seal(artifact.AuthorizationCode{User: artifact.User{Subject: "s"}})),
		"access":  sealed(artifact.NewSealer[artifact.AccessToken](h.vault).Seal(artifact.AccessToken{User: artifact.User{Subject: "s"}, Issuer: public})),
		"refresh": sealed(artifact.NewSealer[artifact.RefreshToken](h.vault).Seal(artifact.RefreshToken{User: artifact.User{Subject: "s"}})),
		"session": sealed(artifact.NewSealer[artifact.Session](h.vault).Seal(artifact.Session{Subject: "s"})),
		"stream":  sealed(artifact.NewSealer[artifact.Stream](h.vault).Seal(artifact.Stream{Subject: "s"})),
	}
	b := h.browser()
	b.authorize(h.request())
	for kind, token := range letters {
		if kind != "client" {
			b.get("/authorize?"+h.request("client_id="+token).Encode()).isFault(t, http.StatusBadRequest, "does not know the app")
		}
		if kind != "ticket" {
			b.answer("approve", token).isFault(t, http.StatusBadRequest, "not valid")
		}
		if kind != "state" {
			b.get("/callback?code=x&state="+token).isFault(t, http.StatusBadRequest, "did not start here")
		}
	}
}

// TestRefusals: once the redirect URI is proven, the client is told, with its
// state and our issuer.
func TestRefusals(t *testing.T) {
	h := newHouse(t, public)
	for _, c := range []struct{ name, changes, extra, code string }{
		{"response_type missing", "response_type=", "", "invalid_request"},
		{"response_type token", "response_type=token", "", "unsupported_response_type"},
		{"response_type id_token", "response_type=id_token", "", "unsupported_response_type"},
		{"response_type code token", "response_type=code token", "", "unsupported_response_type"},
		{"response_type code code", "response_type=code code", "", "unsupported_response_type"},
		{"response_type twice", "", "&response_type=code", "invalid_request"},
		{"response_mode fragment", "response_mode=fragment", "", "invalid_request"},
		{"response_mode form_post", "response_mode=form_post", "", "invalid_request"},
		{"response_mode query.jwt", "response_mode=query.jwt", "", "invalid_request"},
		{"response_mode web_message", "response_mode=web_message", "", "invalid_request"},
		{"response_mode empty", "", "&response_mode=", "invalid_request"},
		{"no PKCE", "code_challenge=", "", "invalid_request"},
		{"challenge of 42", "code_challenge=" + challenge[1:], "", "invalid_request"},
		{"challenge of 44", "code_challenge=" + challenge + "A", "", "invalid_request"},
		{"challenge padded", "code_challenge=" + challenge[1:] + "=", "", "invalid_request"},
		{"challenge of base64", "code_challenge=+/" + challenge[2:], "", "invalid_request"},
		{"challenge twice", "", "&code_challenge=" + challenge, "invalid_request"},
		{"method missing", "code_challenge_method=", "", "invalid_request"},
		{"method plain", "code_challenge_method=plain", "", "invalid_request"},
		{"method s256", "code_challenge_method=s256", "", "invalid_request"},
		{"method unknown", "code_challenge_method=S512", "", "invalid_request"},
		{"request object", "request=eyJhbGciOiJub25lIn0.e30.", "", "request_not_supported"},
		{"request_uri", "request_uri=https://evil.example/r", "", "request_uri_not_supported"},
		{"prompt none", "prompt=none", "", "interaction_required"},
		{"prompt none login", "prompt=login none", "", "interaction_required"},
		{"resource of another server", "resource=https://other.example/sse", "", "invalid_target"},
		{"resource relative", "resource=/sse", "", "invalid_target"},
		{"resource with fragment", "resource=" + public + "/sse#x", "", "invalid_target"},
		{"resource with query", "resource=" + public + "/sse?x", "", "invalid_target"},
		{"resource is the origin", "resource=" + public, "", "invalid_target"},
		{"resource empty", "", "&resource=", "invalid_target"},
		{"two resources", "resource=" + public + "/sse", "&resource=" + public + "/mcp", "invalid_target"},
		{"scope twice", "scope=mcp:tools", "&scope=x", "invalid_request"},
		{"scope with quotes", `scope=a"b`, "", "invalid_scope"},
		{"scope with backslash", `scope=a\b`, "", "invalid_scope"},
		{"scope with line break", "scope=a\r\nb", "", "invalid_scope"},
		{"scope not ASCII", "scope=é", "", "invalid_scope"},
		{"scope of 3 KB", "scope=" + strings.Repeat("x", 3<<10), "", "invalid_scope"},
		{"unknown parameter twice", "", "&x=1&x=2", "invalid_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, uri := range []string{webURI, appURI} {
				b := h.browser()
				p := b.get("/authorize?" + h.request("redirect_uri="+uri, c.changes).Encode() + c.extra)
				p.isRefusal(t, h, uri, c.code, "xyz")
				if p.StatusCode != http.StatusFound || len(b.jar) > 0 {
					t.Errorf("status %d, cookies %v", p.StatusCode, b.jar)
				}
			}
		})
	}
	if n := h.provider.Hits("/authorize"); n != 0 {
		t.Errorf("the provider was asked %d times", n)
	}
}

// TestUnusableState: a state that cannot be returned is not returned.
func TestUnusableState(t *testing.T) {
	h := newHouse(t, public)
	for name, query := range map[string]string{
		"too long":   h.request("state=" + strings.Repeat("s", 2049)).Encode(),
		"line break": h.request("state=a\r\nSet-Cookie: x=y").Encode(),
		"twice":      h.request().Encode() + "&state=abc",
	} {
		t.Run(name, func(t *testing.T) {
			p := h.browser().get("/authorize?" + query)
			p.isRefusal(t, h, webURI, "invalid_request", "")
			if len(p.Cookies()) > 0 {
				t.Error("a cookie was injected")
			}
		})
	}
}

// TestAccepted: what real clients send gets the consent page.
func TestAccepted(t *testing.T) {
	h := newHouse(t, public)
	for name, changes := range map[string][]string{
		"as is":                   nil,
		"response_mode query":     {"response_mode=query"},
		"no state":                {"state="},
		"state of 2,048 bytes":    {"state=" + strings.Repeat("s", 2048)},
		"prompt consent":          {"prompt=consent"},
		"prompt of the future":    {"prompt=create"},
		"scopes of other servers": {"scope=claudeai mcp:read offline_access"},
		"resource /sse":           {"resource=" + public + "/sse"},
		"resource /mcp":           {"resource=" + public + "/mcp"},
		"resource with slash":     {"resource=" + public + "/sse/"},
		"resource in upper case":  {"resource=HTTPS://MCP.EXAMPLE.COM/sse"},
		"resource with port 443":  {"resource=https://mcp.example.com:443/sse"},
		"unknown parameters":      {"foo=bar", "dpop_jkt=x", "claims={", "max_age=soon"},
		"loopback with a port":    {"redirect_uri=http://127.0.0.1:33418/callback"},
		"loopback without a port": {"redirect_uri=" + localURI},
		"private scheme":          {"redirect_uri=" + appURI},
	} {
		t.Run(name, func(t *testing.T) {
			p := h.browser().get("/authorize?" + h.request(changes...).Encode())
			if p.StatusCode != http.StatusOK || p.field("ticket") == "" {
				t.Errorf("status %d, location %q", p.StatusCode, p.Header.Get("Location"))
			}
		})
	}
}

// TestConsentPage: who asks, where access goes, for what, and who comes next.
func TestConsentPage(t *testing.T) {
	h := newHouse(t, public)
	for uri, shown := range map[string]string{
		webURI: "app.example.net", appURI: "cursor://anysphere.cursor-mcp", "http://127.0.0.1:8787/callback": "an app on this computer",
	} {
		p := h.browser().get("/authorize?" + h.request("redirect_uri="+uri).Encode())
		for _, want := range []string{shown, "Tester", "Name not verified", "List and use the tools of this server", "mcp:tools", "echo", public + "/sse", "login.example.com"} {
			if !strings.Contains(p.text(), want) {
				t.Errorf("%s: the page does not say %q", uri, want)
			}
		}
		if uri == "http://127.0.0.1:8787/callback" && !strings.Contains(p.text(), "127.0.0.1:8787") {
			t.Error("the loopback address is not shown")
		}
		csp := p.Header.Get("Content-Security-Policy")
		if strings.Contains(csp, "form-action") || !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("Content-Security-Policy: %s", csp)
		}
		if p.Header.Get("Referrer-Policy") != "same-origin" || p.Header.Get("X-Frame-Options") != "DENY" || p.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("headers %v", p.Header)
		}
	}
}
