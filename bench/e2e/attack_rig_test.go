package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mcp-oauth-server/router/upstream/upstreamtest"
)

// The attack_*_test.go files are stories of attackers. This one is their rig: a target is a server all of whose answers,
// to whatever request, are held to what no answer may ever be (see watch).

// target is a server under attack.
type target struct {
	*replica
	base   string // as the attacker types it
	client *http.Client
	watch  *watch
}

// attack starts a server behind the development provider, whose users are alice and bob.
func attack(t *testing.T, env ...string) *target {
	t.Helper()
	return aim(t, startDevServer(t, env...))
}

// attackBehind starts a server behind a provider that misbehaves on request and approves every login at once.
func attackBehind(t *testing.T, env ...string) (*target, *upstreamtest.Server) {
	t.Helper()
	idp := upstreamtest.New(t)
	return aim(t, startReplica(t, append(providerSettings(idp), env...))), idp
}

// providerSettings are the settings of a server behind idp.
func providerSettings(idp *upstreamtest.Server) []string {
	secrets.add(idp.ClientSecret)
	return []string{"OIDC_ISSUER=" + idp.Issuer, "OIDC_CLIENT_ID=" + idp.ClientID, "OIDC_CLIENT_SECRET=" + idp.ClientSecret}
}

// aim watches a server from now on.
func aim(t *testing.T, r *replica) *target {
	t.Helper()
	pool := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	t.Cleanup(pool.CloseIdleConnections)
	w := &watch{t: t, port: portOf(t, r.url()), next: pool}
	for _, setting := range r.env {
		if issuer, ok := strings.CutPrefix(setting, "OIDC_ISSUER="); ok {
			w.provider = issuer + "/"
		}
		if addr, ok := strings.CutPrefix(setting, "DEV_OIDC_ADDR="); ok {
			w.provider = "http://localhost:" + addr[strings.LastIndexByte(addr, ':')+1:] + "/"
		}
	}
	return &target{replica: r, base: r.url(), watch: w, client: &http.Client{
		Transport: w, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func portOf(t *testing.T, base string) string {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

// app returns an MCP client and a browser whose every request is watched.
func (g *target) app(user string) *app {
	a := newApp(g.base, user)
	a.client, a.browser.client.Transport = g.client, g.watch
	return a
}

// watch is the transport of all attackers. It fails the test when any answer of the server
//
//   - has a status of 500 and above, or 307 and 308, which would send a form along;
//   - has a Location that is neither the provider, nor a redirect URI that was registered, nor its own /callback;
//   - has a Location without being a redirect, or is a page that may be framed, sniffed, scripted or cached;
//   - may be cached although it is about one login;
//   - shows the inside of the program.
type watch struct {
	t        *testing.T
	port     string
	provider string
	next     http.RoundTripper

	mu         sync.Mutex
	registered []string
}

// RoundTrip implements http.RoundTripper.
func (w *watch) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := w.next.RoundTrip(request)
	if err != nil || request.URL.Port() != w.port || strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		return response, err
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	where := request.Method + " " + request.URL.Path
	if request.URL.Path == "/register" && response.StatusCode == http.StatusCreated {
		w.remember(body)
	}
	w.judge(where, request.URL.Path, response, string(body))
	return response, nil
}

// inside is text that only this program's own memory and files hold. Plain strings: every answer is searched, and the
// race detector makes regular expressions very slow.
var inside = []string{".go:", "goroutine ", "runtime error", "nil pointer", "/crypto/"}

func (w *watch) judge(where, path string, response *http.Response, body string) {
	status, header := response.StatusCode, response.Header
	location := header.Get("Location")
	if status >= 500 || status == http.StatusTemporaryRedirect || status == http.StatusPermanentRedirect {
		w.t.Errorf("%s answers %d: %.300s", where, status, body)
	}
	if (location != "") != (status >= 300 && status < 400) {
		w.t.Errorf("%s answers %d with Location %.60q", where, status, location)
	}
	if location != "" && !w.allowed(location) {
		w.t.Errorf("%s redirects to %.120q, which nobody registered", where, location)
	}
	for _, text := range inside {
		if strings.Contains(body, text) {
			w.t.Errorf("%s shows the inside of the program: %q", where, text)
		}
	}
	if header.Get("X-Content-Type-Options") != "nosniff" && status != http.StatusNoContent {
		w.t.Errorf("%s answers %d without nosniff", where, status)
	}
	if strings.HasPrefix(header.Get("Content-Type"), "text/html") {
		w.judgePage(where, header)
	}
	switch path {
	case "/register", "/token", "/authorize", "/consent", "/callback", "/sse", "/sse/message":
		if header.Get("Cache-Control") != "no-store" && len(body)+len(location) > 0 && status != http.StatusNoContent {
			w.t.Errorf("%s answers %d with Cache-Control %q", where, status, header.Get("Cache-Control"))
		}
	}
}

func (w *watch) judgePage(where string, header http.Header) {
	policy := header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(policy, want) {
			w.t.Errorf("%s: the policy of the page lacks %s: %q", where, want, policy)
		}
	}
	if strings.Contains(policy, "unsafe-inline") || header.Get("X-Frame-Options") != "DENY" {
		w.t.Errorf("%s: the page may be framed or scripted: %q, %q", where, policy, header.Get("X-Frame-Options"))
	}
	if referrer := header.Get("Referrer-Policy"); referrer != "no-referrer" && referrer != "same-origin" {
		w.t.Errorf("%s: Referrer-Policy %q", where, referrer)
	}
	if header.Get("Access-Control-Allow-Origin") != "" {
		w.t.Errorf("%s: a page of another origin may read this page", where)
	}
}

// remember notes the redirect URIs of a registration.
func (w *watch) remember(body []byte) {
	var answer struct {
		RedirectURIs []string `json:"redirect_uris"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		w.t.Errorf("POST /register answers %s", body)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.registered = append(w.registered, answer.RedirectURIs...)
}

// loopbackPort is the one part of a redirect URI that may vary (RFC 8252 §7.3).
var loopbackPort = regexp.MustCompile(`^(http://(?:localhost|127\.0\.0\.1|\[::1\]))(?::\d+)?([/?]|$)`)

func (w *watch) allowed(location string) bool {
	for _, own := range []string{"localhost", "127.0.0.1", "[::1]"} {
		if strings.HasPrefix(location, "http://"+own+":"+w.port+"/callback?") {
			return true
		}
	}
	if w.provider != "" && strings.HasPrefix(location, w.provider) {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	plain := loopbackPort.ReplaceAllString(location, "$1$2")
	return slices.ContainsFunc(w.registered, func(uri string) bool {
		uri = loopbackPort.ReplaceAllString(uri, "$1$2")
		rest, ok := strings.CutPrefix(plain, uri)
		return ok && (strings.HasPrefix(rest, "?") || strings.Contains(uri, "?"))
	})
}

// reply is one answer of the server.
type reply struct {
	status int
	header http.Header
	body   string
}

// errorCode returns the OAuth error of a JSON answer.
func (r reply) errorCode() string {
	var answer struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal([]byte(r.body), &answer)
	return answer.Error
}

// hasCode says whether the answer hands the client a code.
func (r reply) hasCode() bool {
	location, err := url.Parse(r.header.Get("Location"))
	return err == nil && location.Query().Has("code")
}

// tell sends a request with headers given as name, value, name, value. A request that Go refuses to send, because no
// header can hold such a value, is a reply with status 0.
func (g *target) tell(t *testing.T, method, path, body string, headers ...string) reply {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, g.base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			request.Host = headers[i+1]
			continue
		}
		request.Header.Add(headers[i], headers[i+1])
	}
	response, err := g.client.Do(request)
	if err != nil {
		var refused *url.Error
		if errors.As(err, &refused) && strings.Contains(err.Error(), "invalid header field value") {
			return reply{}
		}
		t.Fatalf("%s %.60s: %v", method, path, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, string(answer)}
}

func (g *target) get(t *testing.T, path string, headers ...string) reply {
	t.Helper()
	return g.tell(t, http.MethodGet, path, "", headers...)
}

// form posts a form body.
func (g *target) form(t *testing.T, path, body string, headers ...string) reply {
	t.Helper()
	return g.tell(t, http.MethodPost, path, body, append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
}

// refuseToken posts a token request and must get one of the OAuth errors wanted, in JSON, with the status that goes with it.
func (g *target) refuseToken(t *testing.T, body string, want ...string) {
	t.Helper()
	r := g.form(t, "/token", body)
	g.wantError(t, r, want...)
}

func (g *target) wantError(t *testing.T, r reply, want ...string) {
	t.Helper()
	code := r.errorCode()
	if !slices.Contains(want, code) {
		t.Errorf("answered %d %.200s, want %q", r.status, r.body, want)
	}
	status := http.StatusBadRequest
	if code == "invalid_client" {
		status = http.StatusUnauthorized
	}
	if r.status != status || !strings.HasPrefix(r.header.Get("Content-Type"), "application/json") {
		t.Errorf("%s comes with status %d and type %q", code, r.status, r.header.Get("Content-Type"))
	}
}

// rpcTo posts one JSON-RPC message with a bearer.
func (g *target) rpcTo(t *testing.T, path, token, message string, headers ...string) reply {
	t.Helper()
	headers = append([]string{"Content-Type", "application/json", "Accept", "application/json, text/event-stream", "Authorization", "Bearer " + token}, headers...)
	return g.tell(t, http.MethodPost, path, message, headers...)
}

// ping is a message that needs nothing but a good bearer.
const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}`

// registerBody registers with a body and returns the client_id.
func (g *target) registerBody(t *testing.T, body string) string {
	t.Helper()
	r := g.tell(t, http.MethodPost, "/register", body, "Content-Type", "application/json")
	var answer struct {
		ClientID string `json:"client_id"`
	}
	decode(t, r.body, &answer)
	if r.status != http.StatusCreated || answer.ClientID == "" {
		t.Fatalf("POST /register answers %d: %s", r.status, r.body)
	}
	return answer.ClientID
}

// loggedIn returns an app with tokens.
func (g *target) loggedIn(t *testing.T, user string) *app {
	t.Helper()
	a := g.app(user)
	a.login(t)
	return a
}

// untilCode returns an app with an authorization code that is not spent.
func (g *target) untilCode(t *testing.T, user string) *app {
	t.Helper()
	a := g.app(user)
	for _, step := range a.steps()[:5] {
		step.do(t)
	}
	return a
}

// codeForm is the token request of an app that holds a code, with some parameters replaced: name, value, …; the value
// "-" leaves the parameter out.
func (a *app) codeForm(changes ...string) string {
	return change(url.Values{
		"grant_type": {"authorization_code"}, "code": {a.code}, "code_verifier": {a.verifier},
		"redirect_uri": {a.redirect}, "client_id": {a.clientID}, "resource": {a.resource},
	}, changes...)
}

// refreshForm is the refresh request of an app, with changes as in codeForm.
func (a *app) refreshForm(changes ...string) string {
	return change(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {a.tokens.RefreshToken}, "client_id": {a.clientID}}, changes...)
}

// authorizePath is the authorization request of an app, with changes as in codeForm.
func (a *app) authorizePath(t *testing.T, changes ...string) string {
	t.Helper()
	if a.verifier == "" {
		a.verifier, a.state = strings.Repeat("v", 43), "state of the test"
	}
	u, err := url.Parse(a.authorizeURL())
	if err != nil {
		t.Fatal(err)
	}
	return "/authorize?" + change(u.Query(), changes...)
}

func change(values url.Values, changes ...string) string {
	for i := 0; i < len(changes); i += 2 {
		if changes[i+1] == "-" {
			values.Del(changes[i])
			continue
		}
		values.Set(changes[i], changes[i+1])
	}
	return values.Encode()
}

// wantPage is a refusal that a person reads on this server's own origin.
func (g *target) wantPage(t *testing.T, r reply, status int) {
	t.Helper()
	if r.status != status || !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") || r.header.Get("Location") != "" {
		t.Errorf("answered %d %q Location %.80q, want a page with status %d", r.status, r.header.Get("Content-Type"), r.header.Get("Location"), status)
	}
}

// wantRedirect is a refusal that the client reads: error, its state, and iss (RFC 9207), at its own redirect URI.
func (g *target) wantRedirect(t *testing.T, a *app, r reply, code string) {
	t.Helper()
	location, err := url.Parse(r.header.Get("Location"))
	if err != nil || !strings.HasPrefix(r.header.Get("Location"), a.redirect) {
		t.Fatalf("answered %d, Location %.80q, want a redirect to the client: %.200s", r.status, r.header.Get("Location"), r.body)
	}
	q := location.Query()
	if q.Get("error") != code || q.Get("iss") != g.base || q.Get("state") != a.state || q.Has("code") {
		t.Errorf("the client is told error %q, iss %q, state %.40q, code %t; want %s and state %.40q", q.Get("error"), q.Get("iss"), q.Get("state"), q.Has("code"), code, a.state)
	}
}

// workers is how many requests an attack has under way. The machine is shared.
const workers = 8

// flood calls do for 0 to n-1 from several goroutines and returns when all have ended.
func flood(n int, do func(i int)) {
	var g sync.WaitGroup
	next := make(chan int)
	for range workers {
		g.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	g.Wait()
}
