package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// badRedirects are redirect URIs that no client may register. What they try is the name of the test.
func badRedirects(port string) map[string][]string {
	return map[string][]string{
		"script and its disguises": {
			"javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\tscript:alert(1)", "java\nscript:alert(1)", "\x00javascript:alert(1)",
			"javascript%3aalert(1)", "%6aavascript:alert(1)", "javascript://localhost/%0aalert(1)", "data:text/html,<script>", "vbscript:x",
			"blob:https://a.example/1", "view-source:https://a.example/", "jar:https://a.example!/", "feed:javascript:alert(1)",
		},
		"other protocols": {"file:///etc/passwd", "FILE:///x", "ftp://a.example/", "ws://localhost/", "wss://a.example/", "about:blank", "filesystem:https://a.example/", "mailto:a@b.example", "intent://x#Intent;end", "urn:ietf:wg:oauth:2.0:oob"},
		"http that is not this computer": {
			"http://a.example/cb", "http://localhost.evil.example/cb", "http://127.0.0.1.evil.example/", "http://[::1].evil.example/", "http://127.1/cb", "http://127.0.0.2/cb",
			"http://0x7f000001/", "http://2130706433/", "http://0177.0.0.1/", "http://0.0.0.0/cb", "http://localhost@evil.example/", "http://localhost:80@evil.example/",
			"http://LOCALHOST/cb", "http://localhost./cb", "http://[::ffff:127.0.0.1]/", "http://[0:0:0:0:0:0:0:1]/", "http://192.168.0.1/", "http:/localhost/cb", "http:localhost",
			"http://localhost%2eevil.example/", "http://ⓛocalhost/",
		},
		"user information and confused hosts": {
			"https://a@b.example/", "https://a:b@c.example/", "https://a@@b.example/", `https://good.example\@evil.example/`, `https://good.example\.evil.example`, "https:///evil.example",
			"//evil.example/cb", "/cb", "cb", "https:evil.example", "https:/evil.example", "https://", "https://?x", "https://evil.example\t/", "https://ev\ril.example/",
			"https://evil.example%00.good.example/", "https://good.example;evil.example/", "https://a..b.example/", "https://.example/", "https://a.example:0/", "https://a.example:65536/",
			"https://a.example:/", "https://a.example:-1/", "https://a.example:080/", "https://1.2.3/", "https://0x1.0x2.3.4/", "https://[::1%25eth0]/", "https://[v1.a]/", "HTTPS://a.example/",
		},
		"fragments":        {"https://a.example/#f", "https://a.example/cb#", "http://localhost/#", "app.example:/cb#x"},
		"patterns":         {"https://*.example/", "https://a.example/*", "https://a.example/%2a", "http://localhost:*/cb", "https://*/"},
		"dot segments":     {"https://a.example/a/../b", "https://a.example/./a", "https://a.example/a/..;/b", "https://a.example/%2e%2e/b", "https://a.example/.%2E/b", "https://a.example/%252e%252e/b", "https://a.example/..", "https://a.example/a/..;x=1/b", `https://a.example/..\b`},
		"our own address":  {"http://localhost:" + port + "/callback", "http://127.0.0.1:" + port + "/authorize", "http://[::1]:" + port + "/", "http://localhost:" + port},
		"characters":       {"https://a.example/é", "https://éxample.example/", "https://а.example/", "https://a.example/ b", "https://a.example/\u202e", "https://a.example/%zz", "https://a.example/%", "https://a.example/%0d%0aSet-Cookie:x", "https://a.example/%00", `https://a.example/"><script>`, "https://a.example/<b>", "https://a.example/{x}", "https://a.example/%5c"},
		"too long":         {"https://a.example/" + strings.Repeat("a", 513)},
		"private, but bad": {"cursor:", "cursor://", "cursor:x", "a:/cb", "1app:/cb", "cursor://a@b/cb", "cursor://*/cb", "cur sor://x/", "cursor://a:99999/"},
	}
}

// Nobody registers a redirect URI that a browser could take for something else than it looks.
func TestBadRedirectURIsAreNotRegistered(t *testing.T) {
	t.Parallel()
	g, _ := attackBehind(t)
	register := func(t *testing.T, body string) reply {
		t.Helper()
		return g.tell(t, http.MethodPost, "/register", body, "Content-Type", "application/json")
	}
	for name, uris := range badRedirects(g.watch.port) {
		t.Run(name, func(t *testing.T) {
			for _, uri := range uris {
				list, err := json.Marshal([]string{uri})
				if err != nil {
					t.Fatal(err)
				}
				r := register(t, `{"redirect_uris":`+string(list)+`}`)
				if r.status != http.StatusBadRequest || r.errorCode() != "invalid_redirect_uri" {
					t.Errorf("%q: %d %.100s", uri, r.status, r.body)
				}
			}
		})
	}
	t.Run("one dangerous among good ones refuses all", func(t *testing.T) {
		for _, uri := range []string{"javascript:alert(1)", "data:text/html,x", " file:///etc/passwd"} {
			if r := register(t, fmt.Sprintf(`{"redirect_uris":["https://a.example/cb",%q]}`, uri)); r.errorCode() != "invalid_redirect_uri" {
				t.Errorf("%q: %d %s", uri, r.status, r.body)
			}
		}
	})
	t.Run("lists", func(t *testing.T) {
		eleven := `"https://a.example/0"` + strings.Repeat(`,"https://a.example/x"`, 10)
		for _, list := range []string{
			`[]`, `null`, `"https://a.example/cb"`, `[1]`, `[null]`, `[["https://a.example/cb"]]`, `{}`, `[` + eleven + `]`,
			`["https://a.example/cb","https://a.example/cb"]`, `["https://a.example/cb",1]`, `[""]`,
		} {
			if r := register(t, `{"redirect_uris":`+list+`}`); r.status != http.StatusBadRequest || r.errorCode() != "invalid_redirect_uri" {
				t.Errorf("%s: %d %s", list, r.status, r.body)
			}
		}
		if r := register(t, `{"client_name":"none"}`); r.errorCode() != "invalid_redirect_uri" {
			t.Errorf("no redirect_uris: %d %s", r.status, r.body)
		}
	})
	t.Run("bodies", func(t *testing.T) {
		const good = `"redirect_uris":["https://a.example/cb"]`
		for name, body := range map[string]string{
			"a name twice": `{` + good + `,` + good + `}`, "trailing junk": `{` + good + `}x`, "two documents": `{` + good + `}{}`, "byte order mark": "\ufeff{" + good + "}",
			"invalid UTF-8": "{" + good + ",\"client_name\":\"\xff\"}", "an array": `[{` + good + `}]`, "nothing": ``, "null": `null`, "a string": `"x"`, "cut off": `{` + good,
			"nested deeply": `{` + good + `,"x":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + `}`,
			"comments":      `{` + good + `/*x*/}`, "single quotes": `{'redirect_uris':['https://a.example/cb']}`,
			"a long name": `{` + good + `,"client_name":"` + strings.Repeat("n", 101) + `"}`, "right to left": `{` + good + `,"client_name":"\u202eedualC"}`,
			"zero width": `{` + good + `,"client_name":"Cl\u200baude"}`, "control": `{` + good + `,"client_name":"a\u0000b"}`,
			"script as logo": `{` + good + `,"logo_uri":"javascript:alert(1)"}`, "internal logo": `{` + good + `,"logo_uri":"http://169.254.169.254/"}`,
			"a statement nobody can check": `{` + good + `,"software_statement":"eyJhbGciOiJub25lIn0.e30."}`, "keys twice": `{` + good + `,"jwks":{"keys":[]},"jwks_uri":"https://a.example/"}`,
			"a private key": `{` + good + `,"jwks":{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}}`, "implicit": `{` + good + `,"response_types":["token"]}`,
			"password grant": `{` + good + `,"grant_types":["password"]}`, "unknown method": `{` + good + `,"token_endpoint_auth_method":"magic"}`,
			"long scope": `{` + good + `,"scope":"` + strings.Repeat("s ", 2000) + `"}`,
		} {
			if r := register(t, body); r.status != http.StatusBadRequest || !strings.HasPrefix(r.errorCode(), "invalid_") {
				t.Errorf("%s: %d %.200s", name, r.status, r.body)
			}
		}
		// Another letter case is another member: the URI in it is not read.
		if r := register(t, `{"Redirect_URIs":["https://a.example/cb"]}`); r.errorCode() != "invalid_redirect_uri" {
			t.Errorf("other letter case: %d %s", r.status, r.body)
		}
		r := register(t, `{`+good+`,"Redirect_URIs":["https://evil.example/"],"client_id":"mine"}`)
		if strings.Contains(r.body, "evil") || strings.Contains(r.body, `"mine"`) {
			t.Errorf("unknown members are echoed: %s", r.body)
		}
		var many []string // each of them is allowed
		for i := range 10 {
			many = append(many, fmt.Sprintf("https://a.example/%d/%s", i, strings.Repeat("a", 400)))
		}
		list, _ := json.Marshal(many)
		if r := register(t, `{"redirect_uris":`+string(list)+`}`); r.errorCode() != "invalid_client_metadata" {
			t.Errorf("a registration that no URL can carry: %d %.200s", r.status, r.body)
		}
	})
	t.Run("envelopes", func(t *testing.T) {
		const body = `{"redirect_uris":["https://a.example/cb"]}`
		for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json", "application/jsonp", ""} {
			if r := g.tell(t, http.MethodPost, "/register", body, "Content-Type", kind); r.status != http.StatusUnsupportedMediaType {
				t.Errorf("Content-Type %q: %d %s", kind, r.status, r.body)
			}
		}
		if r := g.tell(t, http.MethodPost, "/register", body, "Content-Type", "application/json", "Content-Encoding", "gzip"); r.status != http.StatusUnsupportedMediaType {
			t.Errorf("compressed: %d", r.status)
		}
		if r := register(t, `{"x":"`+strings.Repeat("a", 1<<20)+`"}`); r.status != http.StatusRequestEntityTooLarge {
			t.Errorf("1 MB: %d", r.status)
		}
		for _, method := range []string{"GET", "PUT", "DELETE", "PATCH"} {
			if r := g.tell(t, method, "/register", ""); r.status != http.StatusMethodNotAllowed || !strings.Contains(r.header.Get("Allow"), "POST") {
				t.Errorf("%s /register: %d, Allow %q", method, r.status, r.header.Get("Allow"))
			}
			if r := g.tell(t, method, "/register/x", ""); r.status != http.StatusNotFound {
				t.Errorf("%s /register/x: %d", method, r.status)
			}
		}
	})
}

// /authorize answers on a page until it knows whom it talks to, and a redirect goes only where the client registered,
// byte for byte.
func TestAuthorizeSendsNobodyAstray(t *testing.T) {
	t.Parallel()
	g, _ := attackBehind(t)
	a := g.app("user")
	a.clientID = g.registerBody(t, `{"redirect_uris":["https://good.example/cb","https://good.example/q?a=1","http://127.0.0.1/cb","http://localhost:8787/callback","https://localhost:9443/cb","cursor://anysphere.cursor-mcp/oauth/callback"]}`)
	page := func(t *testing.T, changes ...string) {
		t.Helper()
		g.wantPage(t, g.get(t, a.authorizePath(t, changes...)), http.StatusBadRequest)
	}

	t.Run("unknown clients", func(t *testing.T) {
		foreign, _ := attackBehind(t)
		theirs := foreign.registerBody(t, `{"redirect_uris":["https://good.example/cb"]}`)
		for _, id := range []string{"-", "", "evil", "x.y.z", theirs, a.clientID + "x", "https://evil.example/client.json", g.base + "/callback", strings.Repeat("a", 3000)} {
			page(t, "client_id", id)
			page(t, "client_id", id, "redirect_uri", "https://evil.example/cb")
		}
	})
	t.Run("redirect URIs that resemble a registered one", func(t *testing.T) {
		for _, uri := range []string{
			"-", "", "https://evil.example/cb", "https://good.example/cb/", "https://good.example/cbx", "https://good.example/c", "https://good.example/cb?x=1", "https://good.example/cb#f",
			"https://good.example/cb?", "https://good.example/CB", "https://good.example/%63b", "https://good.example/cb%2f", "https://good.example/cb/..", "https://good.example/./cb", "https://good.example//cb",
			"https://good.example:443/cb", "https://good.example:8443/cb", "https://GOOD.example/cb", "HTTPS://good.example/cb", "http://good.example/cb", "https://good.example./cb", "https://good.example@evil.example/cb",
			"https://evil.example@good.example/cb", "https://good.example.evil.example/cb", `https://good.example\@evil.example/cb`, "https://good.example%2f.evil.example/cb", "//good.example/cb", "good.example/cb", " https://good.example/cb", "https://good.example/cb ",
			"https://good.example/q", "https://good.example/q?a=2", "https://good.example/q?a=1&b=2", "https://good.example/q?a=1#",
			"http://127.0.0.1:99999/cb", "http://127.0.0.1:0/cb", "http://127.0.0.1:-1/cb", "http://127.0.0.1:/cb", "http://127.0.0.1:080/cb", "http://127.0.0.1:8080.evil.example/cb", "http://127.0.0.1:80@evil.example/cb",
			"http://127.0.0.1:1/cb/", "http://127.0.0.1:1/", "http://127.0.0.1:1", "http://127.0.0.1:1/cb?x", "http://localhost:1/cb", "http://[::1]:1/cb", "http://127.0.0.2:1/cb", "http://127.1/cb", "http://127.0.0.1.evil.example/cb",
			"http://localhost.evil.example:8787/callback", "http://localhost:8787/callback/x", "http://localhost:" + g.watch.port + "/callback", "http://127.0.0.1:8787/callback",
			"https://localhost:9444/cb", "https://localhost/cb", "http://localhost:9443/cb", "https://127.0.0.1:9443/cb",
			"cursor://anysphere.cursor-mcp/oauth/callback/", "cursor://evil/oauth/callback", "cursor:/oauth/callback", "CURSOR://anysphere.cursor-mcp/oauth/callback", "cursor://anysphere.cursor-mcp:1/oauth/callback", "javascript:alert(1)",
		} {
			page(t, "redirect_uri", uri)
		}
	})
	t.Run("every one-byte change of a registered one", func(t *testing.T) {
		for _, uri := range []string{"https://good.example/q?a=1", "cursor://anysphere.cursor-mcp/oauth/callback"} {
			for i := range len(uri) {
				page(t, "redirect_uri", uri[:i]+string(uri[i]^1)+uri[i+1:])
				page(t, "redirect_uri", uri[:i]+uri[i+1:])
			}
		}
	})
	t.Run("a parameter twice before the client is known", func(t *testing.T) {
		for _, name := range []string{"client_id", "redirect_uri"} {
			g.wantPage(t, g.get(t, a.authorizePath(t)+"&"+name+"=x"), http.StatusBadRequest)
		}
		for _, junk := range []string{"%zz", "a=%c0%af", "a=%00", "a;b", strings.Repeat("a", 9000), "b=%f"} {
			g.wantPage(t, g.get(t, a.authorizePath(t)+"&"+junk), http.StatusBadRequest)
		}
	})
	t.Run("other methods", func(t *testing.T) {
		for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
			if r := g.tell(t, method, a.authorizePath(t), ""); r.status != http.StatusMethodNotAllowed {
				t.Errorf("%s: %d", method, r.status)
			}
		}
	})
	t.Run("what the client reads", func(t *testing.T) {
		for _, test := range []struct {
			name    string
			changes []string
			want    string
		}{
			{"no response_type", []string{"response_type", "-"}, "invalid_request"},
			{"implicit", []string{"response_type", "token"}, "unsupported_response_type"},
			{"id_token", []string{"response_type", "id_token"}, "unsupported_response_type"},
			{"hybrid", []string{"response_type", "code token"}, "unsupported_response_type"},
			{"code twice", []string{"response_type", "code code"}, "unsupported_response_type"},
			{"no challenge", []string{"code_challenge", "-"}, "invalid_request"},
			{"plain", []string{"code_challenge_method", "plain"}, "invalid_request"},
			{"no method", []string{"code_challenge_method", "-"}, "invalid_request"},
			{"lower case", []string{"code_challenge_method", "s256"}, "invalid_request"},
			{"42 characters", []string{"code_challenge", strings.Repeat("a", 42)}, "invalid_request"},
			{"44 characters", []string{"code_challenge", strings.Repeat("a", 44)}, "invalid_request"},
			{"padded", []string{"code_challenge", strings.Repeat("a", 42) + "="}, "invalid_request"},
			{"base64, not base64url", []string{"code_challenge", strings.Repeat("a", 41) + "+/"}, "invalid_request"},
			{"another server", []string{"resource", "https://evil.example/sse"}, "invalid_target"},
			{"another path", []string{"resource", g.base + "/admin"}, "invalid_target"},
			{"relative", []string{"resource", "/sse"}, "invalid_target"},
			{"with a fragment", []string{"resource", g.base + "/sse#x"}, "invalid_target"},
			{"with a query", []string{"resource", g.base + "/sse?x"}, "invalid_target"},
			{"an empty resource", []string{"resource", ""}, "invalid_target"},
			{"CR LF in the scope", []string{"scope", "mcp:tools\r\nX: y"}, "invalid_scope"},
			{"quotes in the scope", []string{"scope", `mcp:tools "x"`}, "invalid_scope"},
			{"5 KB of scope", []string{"scope", strings.Repeat("s", 5000)}, "invalid_scope"},
			{"request object", []string{"request", "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"},
			{"request_uri", []string{"request_uri", "http://127.0.0.1:1/r"}, "request_uri_not_supported"},
			{"no prompt", []string{"prompt", "none"}, "interaction_required"},
			{"fragment mode", []string{"response_mode", "fragment"}, "invalid_request"},
			{"form_post mode", []string{"response_mode", "form_post"}, "invalid_request"},
			{"web message", []string{"response_mode", "web_message"}, "invalid_request"},
		} {
			t.Run(test.name, func(t *testing.T) {
				g.wantRedirect(t, a, g.get(t, a.authorizePath(t, test.changes...)), test.want)
			})
		}
		for _, name := range []string{"scope", "code_challenge", "response_type", "nonce"} {
			g.wantRedirect(t, a, g.get(t, a.authorizePath(t)+"&"+name+"=x&"+name+"=y"), "invalid_request")
		}
		g.wantRedirect(t, a, g.get(t, a.authorizePath(t)+"&resource="+url.QueryEscape(a.resource)), "invalid_target")
		stateless := *a // a state that cannot be given back is left out
		stateless.state = ""
		for _, state := range []string{strings.Repeat("s", 2049), "a\r\nSet-Cookie: x=y", "a\u0085b"} {
			g.wantRedirect(t, &stateless, g.get(t, a.authorizePath(t, "state", state)), "invalid_request")
		}
		g.wantRedirect(t, &stateless, g.get(t, a.authorizePath(t)+"&state=again"), "invalid_request")
	})
}

// Whatever a client says of itself is text on the consent page, and its state comes back as it was.
func TestConsentPageShowsOnlyText(t *testing.T) {
	t.Parallel()
	g, _ := attackBehind(t)
	for _, hostile := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' autofocus onfocus='alert(1)`, `{{.Ticket}}`, `</title><script>alert(1)</script>`,
		`<svg/onload=alert(1)>`, `&lt;script&gt;`, `javascript:alert(1)`, `--><script>`, `]]><script>`, `\u003cscript\u003e`, "`${alert(1)}`",
	} {
		name, _ := json.Marshal(hostile)
		a := g.app("user")
		a.clientID = g.registerBody(t, `{"redirect_uris":["http://localhost:8787/callback"],"client_name":`+string(name)+`,"client_uri":"https://a.example/<script>"}`)
		r := g.get(t, a.authorizePath(t, "state", hostile, "scope", "mcp:tools "+strings.Map(visibleScope, hostile)))
		if p := firstForm(&page{url: &url.URL{}, body: r.body}); r.status != http.StatusOK || p == nil {
			t.Errorf("%q: %d, no form", hostile, r.status)
		}
		if strings.Contains(r.body, "<script") || strings.Contains(r.body, "<img") || strings.Contains(r.body, "<svg") {
			t.Errorf("%q is markup on the page", hostile)
		}
	}
	t.Run("what it shows", func(t *testing.T) {
		a := g.app("user")
		a.clientID = g.registerBody(t, `{"redirect_uris":["https://evil.example/claude.ai/cb"],"client_name":"Claude"}`)
		r := g.get(t, a.authorizePath(t, "redirect_uri", "https://evil.example/claude.ai/cb", "scope", "admin:everything mcp:tools"))
		for _, want := range []string{"Claude", "evil.example", "mcp:tools", a.resource} {
			if !strings.Contains(r.body, want) {
				t.Errorf("the page does not show %q", want)
			}
		}
		for _, never := range []string{"claude.ai/cb", "admin:everything"} {
			if strings.Contains(r.body, never) {
				t.Errorf("the page repeats %q, which is the client's own text", never)
			}
		}
	})
	t.Run("the state comes back byte for byte", func(t *testing.T) {
		for _, state := range []string{
			"a|b|c||d", `"><script>alert(1)</script>`, "sp ace+plus%20", "ünïcode 𝄞", "a&b=c#d?e", strings.Repeat("é", 1000), "%0d%0aSet-Cookie:x=y", "", strings.Repeat("s", 2048),
		} {
			a := g.app("user")
			a.register(t)
			a.authorizePath(t)
			a.state = state
			a.consent = a.browser.open(t, a.authorizeURL())
			a.approve(t)
			if sent := a.toProvider.location.Query().Get("state"); len(sent) > 1500 || strings.Trim(sent, alphabet+".") != "" {
				t.Errorf("the provider's state has %d characters of %q", len(sent), strings.Trim(sent, alphabet+"."))
			}
			a.signIn(t)
			a.returnToClient(t)
			a.redeem(t)
		}
	})
	t.Run("a redirect URI with a query keeps it", func(t *testing.T) {
		a := g.app("user")
		a.redirect = "https://a.example/cb?tenant=1%7C2"
		a.clientID = g.registerBody(t, `{"redirect_uris":["`+a.redirect+`"]}`)
		a.authorize(t)
		p := a.browser.submit(t, a.consent, "deny")
		if got := p.header.Get("Location"); !strings.HasPrefix(got, a.redirect+"&error=access_denied") {
			t.Errorf("Location %q", got)
		}
	})
	t.Run("the client's parameters stay here", func(t *testing.T) {
		a := g.app("user")
		a.register(t)
		a.authorizePath(t)
		a.consent = a.browser.open(t, g.base+a.authorizePath(t)+"&login_hint=x%26client_id%3Devil&ui_locales=de&acr_values=0&max_age=0&dpop_jkt=x&claims=%7B%7D&id_token_hint=x")
		a.approve(t)
		q := a.toProvider.location.Query()
		for name, values := range q {
			if len(values) != 1 {
				t.Errorf("%s goes to the provider %d times", name, len(values))
			}
			switch name {
			case "client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "code_challenge", "code_challenge_method":
			default:
				t.Errorf("%s goes to the provider", name)
			}
		}
		if q.Get("redirect_uri") != g.base+"/callback" || q.Get("scope") != "openid profile email" || q.Get("code_challenge_method") != "S256" || q.Get("nonce") == "" {
			t.Errorf("the provider is asked with %q", q)
		}
	})
}

// visibleScope drops what no scope may hold.
func visibleScope(r rune) rune {
	if r < '!' || r > '~' || r == '"' || r == '\\' {
		return -1
	}
	return r
}
