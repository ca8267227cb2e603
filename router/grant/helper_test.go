package grant_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/crypto/jose"
	"mcp-oauth-server/crypto/replay"
	"mcp-oauth-server/router/client"
	"mcp-oauth-server/router/grant"
	"mcp-oauth-server/router/oauth"
)

const (
	siteURL     = "http://localhost:8080"
	resource    = siteURL + "/sse"
	redirectURI = "http://localhost:8787/callback"
	verifier    = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636 appendix B
	challenge   = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

var lifetimes = artifact.Lifetimes{Code: time.Minute, Access: 10 * time.Minute, Idle: 7 * 24 * time.Hour, Session: 30 * 24 * time.Hour}

// clock is moved by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// downGuard is a guard whose memory is out of reach while down is set.
type downGuard struct {
	replay.Guard
	down bool
}

func (g *downGuard) Spend(ctx context.Context, id string, until time.Time) error {
	if g.down {
		return replay.ErrUnavailable
	}
	return g.Guard.Spend(ctx, id, until)
}

// syncBuffer collects the log of a server that runs in its own goroutines.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// world is the room behind a real server in memory, with the rights that the
// other rooms have: to mint clients and codes, and to open what comes out.
type world struct {
	http  fasthttp.Client
	vault *artifact.Vault
	clock *clock
	guard *downGuard
	log   syncBuffer

	clientID string
}

func newWorld(t testing.TB) *world { return newWorldWith(t, lifetimes) }

func newWorldWith(t testing.TB, life artifact.Lifetimes) *world {
	t.Helper()
	w := &world{clock: &clock{now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}}
	site := must[oauth.Site](t)(oauth.NewSite(siteURL))
	secrets := must[[]jose.Secret](t)(jose.ParseSecrets(jose.NewSecret()))
	w.vault = &artifact.Vault{
		Ring: must[*jose.Ring](t)(jose.NewRing(siteURL, secrets)), Algorithm: jose.EdDSA,
		Lifetimes: life, Now: w.clock.Now, Issuers: site.Issuers(),
	}
	w.guard = &downGuard{Guard: &replay.Memory{Now: w.clock.Now}}
	room := grant.Room{
		Clients:     client.NewResolver(artifact.NewOpener[artifact.ClientRegistration](w.vault), site),
		OpenCode:    artifact.NewOpener[artifact.AuthorizationCode](w.vault),
		OpenRefresh: artifact.NewOpener[artifact.RefreshToken](w.vault),
		SealAccess:  artifact.NewSealer[artifact.AccessToken](w.vault),
		SealRefresh: artifact.NewSealer[artifact.RefreshToken](w.vault),
		Guard:       w.guard, Site: site, Lifetimes: life, Now: w.clock.Now,
		Log: slog.New(slog.NewTextHandler(&w.log, nil)),
	}
	w.clientID = w.client(t, artifact.ClientRegistration{Name: "An app"})
	w.serve(t, room.Token)
	return w
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (w *world) serve(t testing.TB, handler fasthttp.RequestHandler) {
	listener := fasthttputil.NewInmemoryListener()
	server := &fasthttp.Server{Handler: handler, MaxRequestBodySize: 2 << 20, ReadBufferSize: 16 << 10, DisablePreParseMultipartForm: true}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	w.http.Dial = func(string) (net.Conn, error) { return listener.Dial() }
	t.Cleanup(func() {
		w.http.CloseIdleConnections()
		if err := server.Shutdown(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// client mints a registration with the redirect URI of the tests.
func (w *world) client(t testing.TB, r artifact.ClientRegistration) string {
	t.Helper()
	r.RedirectURIs = []string{redirectURI, "https://app.example/cb"}
	return must[string](t)(artifact.NewSealer[artifact.ClientRegistration](w.vault).Seal(r))
}

// code mints what /callback mints for the client of the tests, changed by edit.
func (w *world) code(t testing.TB, edit func(*artifact.AuthorizationCode)) string {
	t.Helper()
	c := artifact.AuthorizationCode{
		User:        artifact.User{Subject: "subject-of-alice"},
		Client:      artifact.DigestOf(w.clientID),
		RedirectURI: artifact.DigestOf(redirectURI),
		Challenge:   challenge,
		Scope:       oauth.ScopeTools,
		Resource:    resource,
	}
	if edit != nil {
		edit(&c)
	}
	return must[string](t)(artifact.NewSealer[artifact.AuthorizationCode](w.vault).Seal(c))
}

// codeForm is a token request that works; changes are pairs of a name and a
// value, "-" leaving the parameter out.
func (w *world) codeForm(code string, changes ...string) url.Values {
	return edit(url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {verifier},
		"redirect_uri": {redirectURI}, "resource": {resource}, "client_id": {w.clientID},
	}, changes)
}

func (w *world) refreshForm(token string, changes ...string) url.Values {
	return edit(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "client_id": {w.clientID}}, changes)
}

func edit(form url.Values, changes []string) url.Values {
	for i := 0; i < len(changes); i += 2 {
		if changes[i+1] == "-" {
			form.Del(changes[i])
		} else {
			form.Set(changes[i], changes[i+1])
		}
	}
	return form
}

const formType = "application/x-www-form-urlencoded"

// raw is a request to the token endpoint, as odd as a test wants it.
type raw struct {
	query, contentType, body string
	headers                  [][2]string
}

type answer struct {
	status int
	header map[string]string
	raw    string
	body   map[string]any
}

func (w *world) send(t testing.TB, r raw) answer {
	t.Helper()
	var req fasthttp.Request
	var res fasthttp.Response
	req.SetRequestURI(siteURL + "/token" + r.query)
	req.Header.SetMethod("POST")
	req.Header.SetNoDefaultContentType(true)
	req.Header.SetContentType(r.contentType)
	for _, h := range r.headers {
		req.Header.Add(h[0], h[1])
	}
	req.SetBodyString(r.body)
	if err := w.http.Do(&req, &res); err != nil {
		t.Fatal(err)
	}
	a := answer{status: res.StatusCode(), raw: string(res.Body()), header: map[string]string{}}
	for key, value := range res.Header.All() {
		a.header[string(key)] = string(value)
	}
	if err := json.Unmarshal(res.Body(), &a.body); err != nil {
		t.Fatalf("not a JSON object: %q", res.Body())
	}
	return a
}

func (w *world) post(t testing.TB, form url.Values, headers ...[2]string) answer {
	t.Helper()
	return w.send(t, raw{contentType: formType, body: form.Encode(), headers: headers})
}

func (a answer) text(name string) string { s, _ := a.body[name].(string); return s }

// ok checks everything that each successful answer has in common.
func (a answer) ok(t testing.TB) answer {
	t.Helper()
	if a.status != 200 || a.text("access_token") == "" || a.text("token_type") != "Bearer" {
		t.Fatalf("got %d %s", a.status, a.raw)
	}
	if _, isNumber := a.body["expires_in"].(float64); !isNumber || strings.Contains(a.raw, ":null") {
		t.Errorf("expires_in %v in %s", a.body["expires_in"], a.raw)
	}
	a.headers(t)
	return a
}

func (a answer) refused(t testing.TB, status int, code string) answer {
	t.Helper()
	if a.status != status || a.body["error"] != code || a.text("access_token") != "" {
		t.Errorf("got %d %s, want %d %s", a.status, a.raw, status, code)
	}
	if d := a.text("error_description"); d == "" || strings.ContainsAny(d, "\"\\") || strings.ContainsFunc(d, func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Errorf("error_description %q", d)
	}
	a.headers(t)
	return a
}

func (a answer) headers(t testing.TB) {
	t.Helper()
	for name, want := range map[string]string{"Cache-Control": "no-store", "Pragma": "no-cache", "Content-Type": "application/json"} {
		if got := a.header[name]; got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
}

func (w *world) openAccess(t testing.TB, token string) artifact.AccessToken {
	t.Helper()
	return must[artifact.AccessToken](t)(artifact.NewOpener[artifact.AccessToken](w.vault).Open(token))
}

func (w *world) openRefresh(t testing.TB, token string) artifact.RefreshToken {
	t.Helper()
	return must[artifact.RefreshToken](t)(artifact.NewOpener[artifact.RefreshToken](w.vault).Open(token))
}

func s256(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
