package authorize_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"
	"golang.org/x/net/html"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/crypto/jose"
	"mcp-oauth-server/router/authorize"
	"mcp-oauth-server/router/client"
	"mcp-oauth-server/router/oauth"
	"mcp-oauth-server/router/pages"
	"mcp-oauth-server/router/upstream"
	"mcp-oauth-server/router/upstream/upstreamtest"
)

const (
	local     = "http://localhost:8080"
	public    = "https://mcp.example.com"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" // RFC 7636 appendix B
	webURI    = "https://app.example.net/cb"
	appURI    = "cursor://anysphere.cursor-mcp/oauth/callback"
	localURI  = "http://127.0.0.1/callback"
)

// house is the room behind a real HTTP server, with a real provider.
type house struct {
	t        testing.TB
	url      string // SERVER_URL
	room     *authorize.Room
	vault    *artifact.Vault
	provider *upstreamtest.Server
	http     *http.Client
	logs     *safeBuffer

	mu  sync.Mutex
	now time.Time
}

func newHouse(t testing.TB, serverURL string) *house {
	t.Helper()
	h := &house{t: t, url: serverURL, now: time.Now(), logs: &safeBuffer{}, provider: upstreamtest.New(t)}
	site, err := oauth.NewSite(serverURL)
	must(t, err)
	h.vault = newVault(t, site, h.clock)
	log := slog.New(slog.NewTextHandler(h.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	provider, err := upstream.New(upstream.Config{
		Issuer: h.provider.Issuer, ClientID: h.provider.ClientID, ClientSecret: h.provider.ClientSecret,
		Scopes: []string{"openid", "email"}, Timeout: 2 * time.Second, Log: log,
	})
	must(t, err)
	t.Cleanup(provider.Close)
	tool, err := pages.NewTool("echo", "Echo", "Sends it back.", []byte(`{"properties":{}}`))
	must(t, err)
	h.room = &authorize.Room{
		Site:       site,
		Clients:    client.NewResolver(artifact.NewOpener[artifact.ClientRegistration](h.vault), site),
		SealTicket: artifact.NewSealer[artifact.ConsentTicket](h.vault),
		OpenTicket: artifact.NewOpener[artifact.ConsentTicket](h.vault),
		SealState:  artifact.NewSealer[artifact.UpstreamState](h.vault),
		OpenState:  artifact.NewOpener[artifact.UpstreamState](h.vault),
		SealLong:   artifact.NewSealer[artifact.LongState](h.vault),
		OpenLong:   artifact.NewOpener[artifact.LongState](h.vault),
		SealCode:   artifact.NewSealer[artifact.AuthorizationCode](h.vault),
		Provider:   provider,
		Policy:     authorize.Policy{AnyUser: true},
		Pages:      &pages.Set{Site: site, Provider: "login.example.com", Tools: []pages.Tool{tool}},
		Log:        log,
	}
	h.serve()
	return h
}

func newVault(t testing.TB, site oauth.Site, now func() time.Time) *artifact.Vault {
	t.Helper()
	secrets, err := jose.ParseSecrets(jose.NewSecret())
	must(t, err)
	ring, err := jose.NewRing(site.URL(), secrets)
	must(t, err)
	return &artifact.Vault{
		Ring: ring, Algorithm: jose.EdDSA, Now: now, Issuers: site.Issuers(),
		Lifetimes: artifact.Lifetimes{Code: time.Minute, Access: time.Minute, Idle: time.Hour, Session: time.Hour},
	}
}

func (h *house) serve() {
	ln := fasthttputil.NewInmemoryListener()
	server := &fasthttp.Server{ReadBufferSize: 32 << 10, DisablePreParseMultipartForm: true, Handler: func(ctx *fasthttp.RequestCtx) {
		switch string(ctx.Method()) + " " + string(ctx.Path()) {
		case "GET /authorize":
			h.room.Authorize(ctx)
		case "POST /consent":
			h.room.Consent(ctx)
		case "GET /callback":
			h.room.Callback(ctx)
		case "POST /callback":
			h.room.CallbackForm(ctx)
		default:
			ctx.SetStatusCode(http.StatusNotFound)
		}
	}}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(ln) }()
	h.http = &http.Client{
		Transport:     &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return ln.Dial() }, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	h.t.Cleanup(func() { _ = ln.Close(); <-done })
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) wait(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// register seals a registration without asking any rule, as an older version of
// the server might have done.
func (h *house) register(name string, uris ...string) string {
	h.t.Helper()
	id, err := artifact.NewSealer[artifact.ClientRegistration](h.vault).Seal(artifact.ClientRegistration{Name: name, RedirectURIs: uris})
	must(h.t, err)
	return id
}

// request is a good authorization request of a client with all three kinds of
// redirect URI, changed by name=value pairs; name= removes one.
func (h *house) request(changes ...string) url.Values {
	q := url.Values{
		"client_id": {h.register("Tester", webURI, appURI, localURI)}, "redirect_uri": {webURI}, "response_type": {"code"},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"}, "state": {"xyz"},
	}
	for _, c := range changes {
		name, value, _ := strings.Cut(c, "=")
		if q.Set(name, value); value == "" {
			q.Del(name)
		}
	}
	return q
}

// code opens an authorization code.
func (h *house) code(sealed string) artifact.AuthorizationCode {
	h.t.Helper()
	code, err := artifact.NewOpener[artifact.AuthorizationCode](h.vault).Open(sealed)
	must(h.t, err)
	return code
}

// browser has a cookie jar and follows nothing by itself.
type browser struct {
	h    *house
	base string
	jar  []*http.Cookie // oldest first, as browsers send them
}

func (h *house) browser() *browser { return &browser{h: h, base: h.url} }

// page is one answer.
type page struct {
	*http.Response
	body string
}

func (b *browser) do(method, target string, form url.Values, headers ...string) page {
	b.h.t.Helper()
	if strings.HasPrefix(target, "/") {
		target = b.base + target
	}
	// The in-memory listener speaks no TLS; the server knows its scheme by its settings alone.
	request, err := http.NewRequest(method, strings.Replace(target, "https://", "http://", 1), strings.NewReader(form.Encode()))
	must(b.h.t, err)
	if form != nil && !hasHeader(headers, "Content-Type") {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range b.jar {
		request.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		request.Header.Add(name, value)
	}
	response, err := b.h.http.Do(request)
	must(b.h.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	must(b.h.t, err)
	b.keep(response.Cookies())
	return page{response, string(body)}
}

func (b *browser) keep(cookies []*http.Cookie) {
	for _, c := range cookies {
		i := slices.IndexFunc(b.jar, func(old *http.Cookie) bool { return old.Name == c.Name })
		switch {
		case c.MaxAge < 0 && i >= 0:
			b.jar = slices.Delete(b.jar, i, i+1)
		case c.MaxAge >= 0 && i >= 0:
			b.jar[i] = c
		case c.MaxAge >= 0:
			b.jar = append(b.jar, c)
		}
	}
}

func (b *browser) get(target string, headers ...string) page {
	b.h.t.Helper()
	return b.do("GET", target, nil, headers...)
}

// authorize asks for the consent page and returns its ticket.
func (b *browser) authorize(q url.Values) string {
	b.h.t.Helper()
	p := b.get("/authorize?" + q.Encode())
	if p.StatusCode != http.StatusOK {
		b.h.t.Fatalf("consent page: status %d, location %q", p.StatusCode, p.Header.Get("Location"))
	}
	return p.field("ticket")
}

func (b *browser) answer(action, ticket string, headers ...string) page {
	b.h.t.Helper()
	return b.do("POST", "/consent", url.Values{"ticket": {ticket}, "action": {action}}, headers...)
}

// approve goes from request to provider and returns the provider's URL.
func (b *browser) approve(q url.Values) string {
	b.h.t.Helper()
	p := b.answer("approve", b.authorize(q))
	if p.StatusCode != http.StatusSeeOther {
		b.h.t.Fatalf("approval: status %d\n%s", p.StatusCode, p.text())
	}
	return p.Header.Get("Location")
}

// signIn lets the real provider log the user in and returns our callback URL.
func (b *browser) signIn(providerURL string) string {
	b.h.t.Helper()
	follow := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := follow.Get(providerURL)
	must(b.h.t, err)
	defer response.Body.Close()
	return response.Header.Get("Location")
}

// login does the whole flow and returns where the client is answered.
func (b *browser) login(q url.Values) page {
	b.h.t.Helper()
	return b.get(b.signIn(b.approve(q)))
}

// field returns the value of a form input.
func (p page) field(name string) string {
	var value string
	for n := range parse(p.body).Descendants() {
		if n.Type == html.ElementNode && n.Data == "input" && attribute(n, "name") == name {
			value = attribute(n, "value")
		}
	}
	return value
}

// text is what a person reads.
func (p page) text() string {
	var b strings.Builder
	for n := range parse(p.body).Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "style" {
			b.WriteString(strings.TrimSpace(n.Data) + " ")
		}
	}
	return b.String()
}

// answered returns the parameters that a redirect adds to a redirect URI.
func (p page) answered(t testing.TB, redirectURI string) url.Values {
	t.Helper()
	location := p.Header.Get("Location")
	added, ok := strings.CutPrefix(location, redirectURI)
	if !ok {
		t.Fatalf("status %d, location %q does not begin with %q\n%s", p.StatusCode, location, redirectURI, p.text())
	}
	q, err := url.ParseQuery(strings.TrimLeft(added, "?&"))
	must(t, err)
	return q
}

// isFault checks that an answer is a fault page and redirects nowhere.
func (p page) isFault(t testing.TB, status int, title string) {
	t.Helper()
	if p.StatusCode != status || p.Header.Get("Location") != "" || !strings.Contains(p.text(), title) {
		t.Errorf("want a page with status %d and %q, got status %d, location %q\n%s", status, title, p.StatusCode, p.Header.Get("Location"), p.text())
	}
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff",
		"Content-Type": "text/html; charset=utf-8",
	} {
		if got := p.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if csp := p.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors 'none'") || !strings.Contains(csp, "form-action 'none'") {
		t.Errorf("Content-Security-Policy: %q", csp)
	}
}

// isRefusal checks that an answer tells the client of an error (RFC 6749
// §4.1.2.1, RFC 9207).
func (p page) isRefusal(t testing.TB, h *house, redirectURI, code, state string) {
	t.Helper()
	got := p.answered(t, redirectURI)
	if p.StatusCode != http.StatusFound && p.StatusCode != http.StatusSeeOther {
		t.Errorf("status %d", p.StatusCode)
	}
	if got.Get("error") != code || got.Get("state") != state || got.Has("state") != (state != "") || got.Get("iss") != h.url || got.Has("code") {
		t.Errorf("want error=%s state=%q, got %v", code, state, got)
	}
	if p.Header.Get("Cache-Control") != "no-store" || p.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("headers %v", p.Header)
	}
}

func parse(body string) *html.Node {
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		panic(err) // a reader of a string does not fail
	}
	return root
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// safeBuffer is a log that the server writes while a test reads.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func hasHeader(headers []string, name string) bool {
	return slices.ContainsFunc(headers, func(line string) bool { return strings.HasPrefix(line, name+": ") })
}
