package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"mcp-oauth-server/router/upstream/upstreamtest"
)

// The server that this one replaces had 25 defects. Each has a test here that it would fail, named after the defect.
// Most are tried in more ways in the attack_*_test.go files; here is the plain form, as it was found.
func TestDefectsOfThePredecessor(t *testing.T) {
	t.Parallel()
	g := attack(t) // alice and bob
	alice, bob := g.loggedIn(t, "alice"), g.loggedIn(t, "bob")

	t.Run("01 redirect URI and client are never validated", func(t *testing.T) {
		evil := "/authorize?" + change(url.Values{}, "response_type", "code", "client_id", "evil", "redirect_uri", "https://evil.test/cb",
			"code_challenge", strings.Repeat("a", 43), "code_challenge_method", "S256", "state", "x")
		g.wantPage(t, g.get(t, evil), http.StatusBadRequest)
		g.wantPage(t, g.get(t, alice.authorizePath(t, "redirect_uri", "https://evil.test/cb")), http.StatusBadRequest)
		g.refuseToken(t, alice.codeForm("client_id", "evil"), "invalid_client")
	})
	t.Run("02 the state is unsigned and can be forged", func(t *testing.T) {
		forged := base64.StdEncoding.EncodeToString([]byte(alice.clientID + "|https://attacker.test/cb|x|" + strings.Repeat("a", 43) + "|S256"))
		g.wantPage(t, g.get(t, "/callback?"+change(url.Values{}, "code", "x", "state", forged)), http.StatusBadRequest)
	})
	t.Run("03 the browser is not bound to the login", func(t *testing.T) {
		a := g.app("alice")
		for _, step := range a.steps()[:4] {
			step.do(t)
		}
		q := a.toProvider.location.Query()
		if q.Get("nonce") == "" || q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 {
			t.Errorf("the provider is asked without nonce or PKCE")
		}
		g.wantPage(t, g.get(t, a.callback.RequestURI()), http.StatusBadRequest) // no cookie: another browser
		a.returnToClient(t)
	})
	t.Run("04 consent is not tied to the login that follows", func(t *testing.T) {
		attacker, victim := g.app("alice"), g.app("bob")
		attacker.register(t)
		attacker.authorize(t)
		attacker.approve(t)
		callback := victim.browser.signIn(t, attacker.toProvider, g.base+"/callback")
		p := victim.browser.open(t, callback.String())
		g.wantPage(t, reply{p.status, p.header, p.body}, http.StatusBadRequest)
	})
	t.Run("05 a second user drives the first one's stream", func(t *testing.T) {
		s := alice.openStreamVia(t, &http.Transport{})
		call := func(text string) string {
			return `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"` + text + `"}}}`
		}
		if r := g.rpcTo(t, s.endpoint, bob.tokens.AccessToken, call("from bob")); r.status != http.StatusNotFound {
			t.Errorf("bob on alice's stream: %d %s", r.status, r.body)
		}
		if r := g.rpcTo(t, s.endpoint, alice.tokens.AccessToken, call("from alice")); r.status != http.StatusAccepted {
			t.Errorf("alice on her own: %d %s", r.status, r.body)
		}
		s.waitFor(t, "from alice")
		if strings.Contains(s.events.String(), "from bob") {
			t.Error("bob's call ran on alice's stream")
		}
	})
	t.Run("06 a stream outlives its token", func(t *testing.T) {
		t.Parallel()
		short := attack(t, "ACCESS_TOKEN_TTL=3s")
		owner, other := short.loggedIn(t, "alice"), short.loggedIn(t, "bob")
		owner.refresh(t)
		s := owner.openStreamVia(t, &http.Transport{})
		other.refresh(t)
		if r := short.rpcTo(t, s.endpoint, other.tokens.AccessToken, ping); r.status != http.StatusNotFound {
			t.Errorf("another token keeps the stream alive: %d", r.status)
		}
		s.waitClosed(t, 3*time.Second+2*time.Second) // its token, a sweep, and a busy machine
		other.refresh(t)
		if r := short.rpcTo(t, s.endpoint, other.tokens.AccessToken, ping); r.status != http.StatusNotFound {
			t.Errorf("another token on the ended stream: %d", r.status)
		}
	})
	t.Run("07 five hundred registrations at once end the process", func(t *testing.T) {
		var mu sync.Mutex
		ids := map[string]bool{}
		var all sync.WaitGroup
		for range 500 { // all at once on purpose
			all.Go(func() {
				r := g.tell(t, http.MethodPost, "/register", cursorBody, "Content-Type", "application/json")
				var answer struct {
					ClientID string `json:"client_id"`
				}
				_ = json.Unmarshal([]byte(r.body), &answer)
				mu.Lock()
				defer mu.Unlock()
				ids[answer.ClientID] = r.status == http.StatusCreated
			})
		}
		all.Wait()
		if len(ids) != 500 || ids[""] || g.ended() {
			t.Errorf("%d different client_ids of 500; the process ended: %t", len(ids), g.ended())
		}
		alice.useTools(t)
	})
	t.Run("08 memory and bodies without bounds", func(t *testing.T) {
		big := strings.Repeat("a", 1<<20)
		if r := g.tell(t, http.MethodPost, "/register", `{"client_name":"`+big+`"}`, "Content-Type", "application/json"); r.status != http.StatusRequestEntityTooLarge {
			t.Errorf("POST /register of 1 MB: %d", r.status)
		}
		if r := g.form(t, "/token", "x="+big); r.status != http.StatusRequestEntityTooLarge {
			t.Errorf("POST /token of 1 MB: %d", r.status)
		}
		store := func() {
			flood(1000, func(i int) {
				g.get(t, alice.authorizePath(t, "state", fmt.Sprint(i)))
				g.tell(t, http.MethodPost, "/register", cursorBody, "Content-Type", "application/json")
			})
		}
		store()
		before, _ := g.heap(t)
		store()
		if after, _ := g.heap(t); after-before > 2<<20 {
			t.Errorf("2000 requests of strangers are kept in %d KB", (after-before)>>10)
		}
	})
	t.Run("09 client secrets are handed out and never checked", func(t *testing.T) {
		r := g.tell(t, http.MethodPost, "/register", `{"redirect_uris":["http://localhost:1/cb"],"token_endpoint_auth_method":"client_secret_post"}`, "Content-Type", "application/json")
		if strings.Contains(r.body, "client_secret\"") || !strings.Contains(r.body, `"token_endpoint_auth_method":"none"`) {
			t.Errorf("who asks for a secret gets %s", r.body)
		}
		g.refuseToken(t, alice.refreshForm("client_secret", "anything"), "invalid_client")
		g.refuseToken(t, alice.refreshForm("client_id", bob.clientID), "invalid_grant")
	})
	t.Run("10 the ID token is ignored and nobody is ever refused", func(t *testing.T) {
		lied, idp := attackBehind(t, "ALLOWED_SUBJECTS=somebody-else")
		lied.shutOut(t)
		idp.Set(upstreamtest.Faults{NoIDToken: true})
		lied.attempt(t, "server_error")
		idp.Set(upstreamtest.Faults{Signature: upstreamtest.WrongKey})
		lied.attempt(t, "server_error")
		idp.Set(upstreamtest.Faults{Claims: func(c map[string]any) { c["nonce"] = "of another login" }})
		lied.attempt(t, "server_error")
	})
	t.Run("11 no audience, and scopes as the client likes", func(t *testing.T) {
		g.wantRedirect(t, alice, g.get(t, alice.authorizePath(t, "resource", "https://other.test/sse")), "invalid_target")
		if p := g.get(t, alice.authorizePath(t, "scope", "everything:there:is")); strings.Contains(p.body, "everything:there:is") {
			t.Error("the consent page shows scopes that do not exist")
		}
		a := g.app("alice")
		a.register(t)
		a.authorizePath(t)
		a.consent = a.browser.open(t, g.base+a.authorizePath(t, "scope", "everything:there:is"))
		for _, step := range a.steps()[2:] {
			step.do(t) // the token's scope is checked to be mcp:tools
		}
	})
	t.Run("12 secrets in the log", func(t *testing.T) {
		loud, idp := attackBehind(t, "LOG_LEVEL=debug")
		a := loud.loggedIn(t, "user")
		a.useTools(t)
		a.refresh(t)
		loud.rpcTo(t, "/sse?access_token="+a.tokens.AccessToken, "x", ping)
		loud.form(t, "/token?"+a.codeForm(), a.codeForm())
		idp.Set(upstreamtest.Faults{Answers: map[upstreamtest.Endpoint]upstreamtest.Answer{upstreamtest.Token: upstreamtest.Grant400}})
		loud.attempt(t, "server_error")
		log := loud.output.String()
		checkLog(t, log)
		if !strings.Contains(log, "event=login") || strings.Contains(log, upstreamtest.Marker) || strings.Contains(log, "user@example.com") {
			t.Error("the log lacks the login, or repeats the provider or the user's address")
		}
	})
	t.Run("13 a refresh token is good for ever", func(t *testing.T) {
		t.Parallel()
		ending := attack(t, "SESSION_TTL=3s")
		a := ending.loggedIn(t, "alice")
		eventually(t, startTimeout, "the login ends although it is used", func() error {
			r := ending.form(t, "/token", a.refreshForm())
			if r.status == http.StatusOK {
				decode(t, r.body, &a.tokens)
				secrets.add(a.tokens.AccessToken, a.tokens.RefreshToken)
				return fmt.Errorf("still %d", r.status)
			}
			ending.wantError(t, r, "invalid_grant")
			return nil
		})
	})
	t.Run("14 a provider that fails or is gone", func(t *testing.T) {
		gone, idp := attackBehind(t)
		a := gone.loggedIn(t, "user")
		idp.Set(upstreamtest.Faults{Deny: true})
		gone.attempt(t, "access_denied") // relayed, not "missing code or state"
		b := gone.app("user")
		idp.Set(upstreamtest.Faults{})
		for _, step := range b.steps()[:4] {
			step.do(t)
		}
		idp.Close()
		p := b.browser.open(t, b.callback.String())
		gone.wantRedirect(t, b, reply{p.status, p.header, p.body}, "temporarily_unavailable")
		a.useTools(t)
		if gone.ended() {
			t.Error("the process ended")
		}
	})
	t.Run("15 errors are text, cached, and always 400", func(t *testing.T) {
		g.refuseToken(t, "", "invalid_request") // JSON and no-store are checked for every answer
		g.refuseToken(t, alice.codeForm("client_id", "unknown"), "invalid_client")
		g.refuseToken(t, alice.codeForm("grant_type", "password"), "unsupported_grant_type")
	})
	t.Run("16 a state with a pipe, a redirect URI with a query, script as redirect URI", func(t *testing.T) {
		a := g.app("alice")
		a.redirect = "https://a.example/cb?tenant=1"
		a.clientID = g.registerBody(t, `{"redirect_uris":["`+a.redirect+`"]}`)
		a.authorizePath(t)
		a.state = "a|b|c|d|e|f|g"
		a.consent = a.browser.open(t, a.authorizeURL())
		a.approve(t)
		a.signIn(t)
		p := a.browser.open(t, a.callback.String())
		if p.location == nil || p.location.Query().Get("tenant") != "1" || p.location.Query().Get("state") != a.state || !p.location.Query().Has("code") {
			t.Errorf("the client is sent to %.100v", p.location)
		}
		if r := g.tell(t, http.MethodPost, "/register", `{"redirect_uris":["javascript:alert(1)"]}`, "Content-Type", "application/json"); r.errorCode() != "invalid_redirect_uri" {
			t.Errorf("script is registered: %d", r.status)
		}
	})
	t.Run("17 a consent form that can be forged, framed and spoofed", func(t *testing.T) {
		a := g.app("alice")
		a.redirect = "https://phish.test/cb"
		a.clientID = g.registerBody(t, `{"redirect_uris":["https://phish.test/cb"],"client_name":"Claude"}`)
		a.authorize(t) // policy and framing are checked for every page
		if !strings.Contains(a.consent.body, "phish.test") {
			t.Error("the page names Claude and not where the code goes")
		}
		forged := g.form(t, "/consent", change(url.Values{}, "ticket", a.fillTicket(t), "action", "approve"), "Origin", "https://evil.test")
		g.wantPage(t, forged, http.StatusForbidden)
	})
	t.Run("18 a restart loses everything", func(t *testing.T) {
		server := attack(t)
		a := server.untilCode(t, "alice")
		server.restart(t)
		a.redeem(t)
		server.restart(t)
		a.useTools(t)
		a.refresh(t)
	})
	t.Run("19 no resource metadata, and HTML for every unknown path", func(t *testing.T) {
		for path, resource := range map[string]string{"": "/sse", "/sse": "/sse", "/mcp": "/mcp"} {
			r := g.get(t, "/.well-known/oauth-protected-resource"+path)
			var document struct {
				Resource string   `json:"resource"`
				Servers  []string `json:"authorization_servers"`
			}
			decode(t, r.body, &document)
			if r.status != http.StatusOK || document.Resource != g.base+resource || len(document.Servers) != 1 || document.Servers[0] != g.base {
				t.Errorf("%s: %d %s", path, r.status, r.body)
			}
		}
		for _, path := range []string{
			"/.well-known/openid-configuration", "/.well-known/openid-configuration/sse", "/sse/.well-known/openid-configuration", "/.well-known/oauth-protected-resource/other",
			"/.well-known/oauth-authorization-server/other", "/.well-known/", "/.well-known/x", "/favicon.ico", "/index.html", "/revoke", "/introspect", "/admin", "/register/x",
		} {
			if r := g.get(t, path); r.status != http.StatusNotFound || !strings.HasPrefix(r.header.Get("Content-Type"), "application/json") {
				t.Errorf("%s: %d %q", path, r.status, r.header.Get("Content-Type"))
			}
		}
		want := `resource_metadata="` + g.base + `/.well-known/oauth-protected-resource/sse"`
		if c := g.get(t, "/sse").header.Get("WWW-Authenticate"); !strings.Contains(c, want) {
			t.Errorf("challenge %q", c)
		}
	})
	t.Run("20 CORS is claimed and missing, origins and host names are not looked at", func(t *testing.T) {
		for _, path := range []string{"/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource/sse", "/register", "/token", "/jwks.json"} {
			r := g.tell(t, http.MethodOptions, path, "", "Origin", "https://app.test", "Access-Control-Request-Method", "POST")
			if r.status != http.StatusNoContent || r.header.Get("Access-Control-Allow-Origin") != "*" || r.header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("preflight of %s: %d %v", path, r.status, r.header)
			}
		}
		for _, path := range []string{"/authorize", "/consent", "/callback"} {
			if r := g.tell(t, http.MethodOptions, path, "", "Origin", "https://app.test"); r.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s may be read by other pages", path)
			}
		}
		if r := g.rpcTo(t, "/sse", alice.tokens.AccessToken, ping, "Origin", "https://evil.test"); r.status != http.StatusForbidden {
			t.Errorf("a foreign origin: %d", r.status)
		}
		if r := g.rpcTo(t, "/sse", alice.tokens.AccessToken, ping, "Host", "rebound.evil.test"); r.status != http.StatusMisdirectedRequest {
			t.Errorf("a foreign host name: %d", r.status)
		}
	})
	t.Run("21 lifetimes follow the provider, verifiers are not checked", func(t *testing.T) {
		a := g.untilCode(t, "alice")
		for _, verifier := range []string{"short", strings.Repeat("x", 129), a.verifier + "!", strings.Repeat("x", 43)} {
			g.refuseToken(t, a.codeForm("code_verifier", verifier), "invalid_request", "invalid_grant")
		}
		a.redeem(t)
		first := a.tokens.ExpiresIn
		a.refresh(t)
		if first != 600 || a.tokens.ExpiresIn != 600 {
			t.Errorf("an access token lives %d s, and after a refresh %d s", first, a.tokens.ExpiresIn)
		}
	})
	t.Run("22 tools that say the wrong thing", func(t *testing.T) {
		_, list := alice.rpc(t, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
		if strings.Contains(list, "description:") || strings.Contains(list, "description=") || strings.Count(list, `"outputSchema"`) != 3 {
			t.Errorf("tools/list answers %s", list)
		}
		_, answer := alice.rpc(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"stock_price","arguments":{"symbol":"NOPE"}}}`)
		if !strings.Contains(answer, "GOOGL") || !strings.Contains(answer, `"isError":true`) {
			t.Errorf("an unknown symbol is answered with %s", answer)
		}
		prices := map[any]bool{}
		for range 20 {
			prices[alice.call(t, "stock_price", `{"symbol":"AAPL"}`)["price"]] = true
		}
		if len(prices) < 2 {
			t.Error("the price never changes")
		}
	})
	t.Run("23 instructions that do not work, secrets that anybody can read", func(t *testing.T) {
		page := g.get(t, "/").body
		if !strings.Contains(page, g.base+"/sse") || strings.Contains(page, "localhost:8080") {
			t.Error("the landing page does not tell this server's own address")
		}
		checkMakeTargets(t)
		info, err := os.Stat(filepath.Join(g.dir, ".mcp-oauth-server", "keys"))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the key ring: %v %v", info, err)
		}
	})
	t.Run("24 no limits on how it is run", func(t *testing.T) {
		for name, env := range map[string][]string{
			"http in public":         {"SERVER_URL=http://mcp.example.test", "OIDC_ISSUER=https://idp.example.test", "OIDC_CLIENT_ID=x", "KEYS=" + newKeys(), "ALLOW_ANY_USER=true"},
			"no provider":            nil,
			"everybody, in public":   {"SERVER_URL=https://mcp.example.test", "OIDC_ISSUER=https://idp.example.test", "OIDC_CLIENT_ID=x", "KEYS=" + newKeys()},
			"a provider over http":   {"OIDC_ISSUER=http://idp.example.test", "OIDC_CLIENT_ID=x"},
			"a ring from the readme": {"OIDC_ISSUER=https://idp.example.test", "OIDC_CLIENT_ID=x", "KEYS=" + strings.Repeat("A", 43)},
		} {
			p := spawn(t, t.TempDir(), env, binary)
			if code := p.exitCode(t, startTimeout); code != 2 {
				t.Errorf("%s: exit code %d: %s", name, code, p.output.String())
			}
		}
		if err := healthy(g.base + "/healthz"); err != nil {
			t.Error(err)
		}
	})
	t.Run("25 one transport of 2024 and nothing since", func(t *testing.T) {
		for _, revision := range []string{"2025-03-26", "2025-06-18", "2025-11-25"} {
			r := g.rpcTo(t, "/sse", alice.tokens.AccessToken, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"`+revision+`","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`)
			if r.status != http.StatusOK || !strings.Contains(r.body, `"protocolVersion":"`+revision+`"`) {
				t.Errorf("%s: %d %s", revision, r.status, r.body)
			}
		}
		discover := `{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`
		r := g.rpcTo(t, "/mcp", alice.tokens.AccessToken, discover, "MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "server/discover")
		if r.status != http.StatusOK || !strings.Contains(r.body, "2026-07-28") {
			t.Errorf("2026-07-28: %d %s", r.status, r.body)
		}
	})
}

var (
	makeCalls   = regexp.MustCompile("(?m)(?:^|`)make ([a-z-]+)")
	makeTargets = regexp.MustCompile(`(?m)^([a-z-]+):`)
	killsByName = regexp.MustCompile(`\b(?:pkill|killall)\b`)
)

// checkMakeTargets wants every `make x` of the documents to exist, and no target that ends processes by their name.
func checkMakeTargets(t *testing.T) {
	t.Helper()
	const root = "../.."
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	targets := map[string]bool{}
	for _, found := range makeTargets.FindAllSubmatch(makefile, -1) {
		targets[string(found[1])] = true
	}
	documents, _ := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	for _, document := range append(documents, filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range makeCalls.FindAllSubmatch(text, -1) {
			if !targets[string(call[1])] {
				t.Errorf("%s says make %s, which does not exist", filepath.Base(document), call[1])
			}
		}
	}
	if killsByName.Match(makefile) {
		t.Error("the Makefile ends processes by their name")
	}
}
