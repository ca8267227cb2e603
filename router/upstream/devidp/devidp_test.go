package devidp_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mcp-oauth-server/router/upstream"
	"mcp-oauth-server/router/upstream/devidp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const callback = "http://localhost:8080/callback"

func start(t *testing.T) *devidp.Server {
	t.Helper()
	s, err := devidp.Start(t.Context(), devidp.Config{
		Addr:         "127.0.0.1:0",
		RedirectURIs: []string{callback, "http://127.0.0.1:8080/callback", "http://[::1]:8080/callback"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

func party(t *testing.T, s *devidp.Server, change ...func(*upstream.Config)) *upstream.Provider {
	t.Helper()
	config := upstream.Config{Issuer: s.Issuer(), ClientID: s.ClientID(), ClientSecret: s.ClientSecret(), Scopes: []string{"openid", "profile", "email"}}
	for _, f := range change {
		f(&config)
	}
	p, err := upstream.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// browser keeps cookies and follows redirects until one leaves for the callback.
type browser struct {
	*http.Client
	t *testing.T
}

func newBrowser(t *testing.T) browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return browser{t: t, Client: &http.Client{Jar: jar, Transport: transport, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/callback" {
			return http.ErrUseLastResponse
		}
		return nil
	}}}
}

// page is what the browser ends on: a page to read, or the callback it was sent to.
type page struct {
	status   int
	header   http.Header
	body     string
	url      *url.URL
	callback url.Values
}

func (b browser) do(r *http.Request, err error) page {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	response, err := b.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	p := page{status: response.StatusCode, header: response.Header, body: string(body), url: response.Request.URL}
	if location, err := response.Location(); err == nil {
		p.callback = location.Query()
	}
	return p
}

func (b browser) open(address string) page {
	b.t.Helper()
	return b.do(http.NewRequestWithContext(b.t.Context(), "GET", address, nil))
}

var hidden = regexp.MustCompile(`name="id" value="([^"]+)"`)

// submit fills in the first form of a page.
func (b browser) submit(p page, username, password string, header ...string) page {
	b.t.Helper()
	match := hidden.FindStringSubmatch(p.body)
	if match == nil {
		b.t.Fatalf("status %d without a form: %s", p.status, p.body)
	}
	form := url.Values{"id": {html.UnescapeString(match[1])}, "username": {username}, "password": {password}}
	action, _ := p.url.Parse("/login")
	r, err := http.NewRequestWithContext(b.t.Context(), "POST", action.String(), strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if len(header) == 2 {
		r.Header.Set(header[0], header[1])
	}
	return b.do(r, err)
}

func newFlow() upstream.Flow {
	return upstream.Flow{RedirectURI: callback, Nonce: rand.Text(), Verifier: rand.Text() + rand.Text()}
}

func authorizationURL(t *testing.T, p *upstream.Provider, f upstream.Flow, more string) string {
	t.Helper()
	address, err := p.AuthorizationURL(t.Context(), f, "a.state-_")
	if err != nil {
		t.Fatal(err)
	}
	return address + more
}

// exchange redeems what the callback got.
func exchange(t *testing.T, p *upstream.Provider, f upstream.Flow, end page) upstream.Identity {
	t.Helper()
	if end.callback.Get("state") != "a.state-_" || end.callback.Get("code") == "" {
		t.Fatalf("the callback got %v (status %d): %s", end.callback, end.status, end.body)
	}
	who, err := p.Exchange(t.Context(), f, upstream.Response{Code: end.callback.Get("code"), Issuer: end.callback.Get("iss")})
	if err != nil {
		t.Fatal(err)
	}
	return who
}

func TestLoginWithAndWithoutSession(t *testing.T) {
	s := start(t)
	p, b, f := party(t, s), newBrowser(t), newFlow()

	form := b.open(authorizationURL(t, p, f, ""))
	if form.status != 200 || !strings.Contains(form.body, "development identity provider") {
		t.Fatalf("status %d: %s", form.status, form.body)
	}
	want := upstream.Identity{Issuer: s.Issuer(), Subject: "alice", Email: "alice@example.com", EmailVerified: true, Name: "Alice Example"}
	end := b.submit(form, "alice", "alice")
	if who := exchange(t, p, f, end); who != want {
		t.Errorf("got %+v, want %+v", who, want)
	}
	if _, err := p.Exchange(t.Context(), f, upstream.Response{Code: end.callback.Get("code")}); !errors.Is(err, upstream.ErrRefused) {
		t.Errorf("the second use of the code: %v", err)
	}

	f = newFlow() // The browser is known now: no page.
	if who := exchange(t, p, f, b.open(authorizationURL(t, p, f, ""))); who != want {
		t.Errorf("with a session got %+v", who)
	}

	f = newFlow() // Unless it is asked for, and then somebody else may come.
	form = b.open(authorizationURL(t, p, f, "&prompt=login"))
	if who := exchange(t, p, f, b.submit(form, "bob", "bob")); who.Subject != "bob" || who.Email != "bob@example.com" || !who.EmailVerified {
		t.Errorf("after prompt=login got %+v", who)
	}

	f = newFlow() // Another browser has no session.
	if other := newBrowser(t).open(authorizationURL(t, p, f, "")); other.callback != nil {
		t.Error("another browser got in without a password")
	}
}

func TestPromptNone(t *testing.T) {
	s := start(t)
	p, b, f := party(t, s), newBrowser(t), newFlow()
	if end := b.open(authorizationURL(t, p, f, "&prompt=none")); end.callback.Get("error") != "login_required" || end.callback.Get("state") != "a.state-_" {
		t.Errorf("got %v, status %d", end.callback, end.status)
	}
	f = newFlow()
	exchange(t, p, f, b.submit(b.open(authorizationURL(t, p, f, "")), "bob", "bob"))
	f = newFlow()
	if who := exchange(t, p, f, b.open(authorizationURL(t, p, f, "&prompt=none"))); who.Subject != "bob" {
		t.Errorf("got %+v", who)
	}
}

func TestWrongPassword(t *testing.T) {
	p, b, f := party(t, start(t)), newBrowser(t), newFlow()
	form := b.open(authorizationURL(t, p, f, ""))
	for _, try := range [][2]string{{"alice", "bob"}, {"alice", ""}, {"", ""}, {"mallory", "mallory"}, {"Alice", "Alice"}, {`"><script>`, "x"}} {
		again := b.submit(form, try[0], try[1])
		if again.callback != nil || !strings.Contains(again.body, `role="alert"`) || again.header.Get("Set-Cookie") != "" {
			t.Errorf("%q: status %d, %v", try, again.status, again.callback)
		}
		if strings.Contains(again.body, "<script>") {
			t.Error("the user name is not escaped")
		}
	}
	if who := exchange(t, p, f, b.submit(form, "alice", "alice")); who.Subject != "alice" {
		t.Errorf("after wrong passwords got %+v", who)
	}
}

func TestLoginPageIsSafe(t *testing.T) {
	p, b := party(t, start(t)), newBrowser(t)
	form := b.open(authorizationURL(t, p, newFlow(), ""))
	policy := form.header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "form-action") {
		t.Errorf("Content-Security-Policy: %s", policy)
	}
	if got := form.header.Get("Referrer-Policy"); got != "same-origin" {
		t.Errorf("Referrer-Policy: %s", got)
	}
	if form.header.Get("Cache-Control") != "no-store" {
		t.Error("the login page may be cached")
	}
	if i, j := strings.Index(form.body, "<form"), strings.LastIndex(form.body, "<form"); i < 0 || i != j {
		t.Error("the page has not exactly one form")
	}
	for _, field := range []string{`name="username"`, `name="password"`, `<label for="username"`, `<label for="password"`, "alice@example.com", "bob@example.com"} {
		if !strings.Contains(form.body, field) {
			t.Errorf("the page lacks %s", field)
		}
	}
	if strings.Contains(form.body, "<script") || strings.Contains(form.body, " style=") {
		t.Error("the page has a script or an inline style")
	}
	if css := b.open(form.url.Scheme + "://" + form.url.Host + "/login/style.css"); css.status != 200 || !strings.HasPrefix(css.header.Get("Content-Type"), "text/css") {
		t.Errorf("the style sheet: status %d", css.status)
	}
	if foreign := b.submit(form, "alice", "alice", "Sec-Fetch-Site", "cross-site"); foreign.status != 403 {
		t.Errorf("a form of another site got status %d", foreign.status)
	}
	end := b.submit(form, "alice", "alice")
	for _, c := range b.Jar.Cookies(form.url) {
		if !strings.HasPrefix(c.Name, "devidp_") {
			t.Errorf("cookie %s is not marked as ours", c.Name)
		}
	}
	if again := b.submit(form, "alice", "alice"); end.callback == nil || again.callback == nil {
		t.Error("the back button and a second submit do not work before the code is used")
	}
}

func TestUnknownLogin(t *testing.T) {
	s, b := start(t), newBrowser(t)
	for _, address := range []string{"/login", "/login?id=", "/login?id=unknown"} {
		if p := b.open(s.Issuer() + address); p.status != 400 || !strings.Contains(p.body, "connect again") {
			t.Errorf("%s: status %d: %s", address, p.status, p.body)
		}
	}
	if p := b.open(s.Issuer() + "/authorize/callback?id=unknown"); p.status != 400 {
		t.Errorf("status %d", p.status)
	}
}

// What the protocol must refuse, the library refuses; this holds our storage to it.
func TestProtocolRefusals(t *testing.T) {
	s := start(t)
	p := party(t, s)
	t.Run("unknown callback", func(t *testing.T) {
		f := newFlow()
		f.RedirectURI = "http://localhost:8080/callback/../evil"
		if end := newBrowser(t).open(authorizationURL(t, p, f, "")); end.status != 400 || end.callback != nil {
			t.Errorf("status %d, %v", end.status, end.callback)
		}
	})
	t.Run("not logged in yet", func(t *testing.T) {
		b := newBrowser(t)
		form := b.open(authorizationURL(t, p, newFlow(), ""))
		id := hidden.FindStringSubmatch(form.body)[1]
		if end := b.open(s.Issuer() + "/authorize/callback?id=" + id); end.callback.Get("code") != "" {
			t.Error("a code without a password")
		}
	})
	t.Run("wrong verifier", func(t *testing.T) {
		b, f := newBrowser(t), newFlow()
		end := b.submit(b.open(authorizationURL(t, p, f, "")), "alice", "alice")
		f.Verifier = rand.Text() + rand.Text()
		if _, err := p.Exchange(t.Context(), f, upstream.Response{Code: end.callback.Get("code")}); !errors.Is(err, upstream.ErrRefused) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("wrong secret", func(t *testing.T) {
		b, f := newBrowser(t), newFlow()
		wrong := party(t, s, func(c *upstream.Config) { c.ClientSecret = "guess" })
		end := b.submit(b.open(authorizationURL(t, wrong, f, "")), "alice", "alice")
		if _, err := wrong.Exchange(t.Context(), f, upstream.Response{Code: end.callback.Get("code")}); !errors.Is(err, upstream.ErrRefused) {
			t.Errorf("got %v", err)
		}
	})
}

// The seed's way: no issuer, only URLs. The identity then comes from userinfo.
func TestUserinfo(t *testing.T) {
	s := start(t)
	p := party(t, s, func(c *upstream.Config) {
		c.Issuer, c.AuthURL, c.TokenURL, c.UserURL = "", s.Issuer()+"/authorize", s.Issuer()+"/oauth/token", s.Issuer()+"/userinfo"
	})
	b, f := newBrowser(t), newFlow()
	got := exchange(t, p, f, b.submit(b.open(authorizationURL(t, p, f, "")), "bob", "bob"))
	want := upstream.Identity{Issuer: s.Issuer() + "/oauth/token", Subject: "bob", Email: "bob@example.com", EmailVerified: true, Name: "Bob Example"}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestBothHostNamesAreOneProvider(t *testing.T) {
	s := start(t)
	port := s.Issuer()[strings.LastIndex(s.Issuer(), ":")+1:]
	for _, host := range []string{"localhost", "127.0.0.1"} {
		answer := newBrowser(t).open("http://" + host + ":" + port + "/.well-known/openid-configuration")
		var document struct {
			Issuer  string   `json:"issuer"`
			Methods []string `json:"code_challenge_methods_supported"`
		}
		if err := json.Unmarshal([]byte(answer.body), &document); err != nil {
			t.Fatal(err)
		}
		if document.Issuer != s.Issuer() || len(document.Methods) != 1 || document.Methods[0] != "S256" {
			t.Errorf("%s: %+v", host, document)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://127.0.0.1:"+port+"/login", nil)
	r.Host = "rebound.example:" + port
	if p := newBrowser(t).do(r, err); p.status != http.StatusMisdirectedRequest {
		t.Errorf("a rebound name gets status %d", p.status)
	}
	// A login that begins on 127.0.0.1 keeps its session there.
	p, b, f := party(t, s), newBrowser(t), newFlow()
	address := strings.Replace(authorizationURL(t, p, f, ""), "//localhost:", "//127.0.0.1:", 1)
	exchange(t, p, f, b.submit(b.open(address), "alice", "alice"))
	f = newFlow()
	exchange(t, p, f, b.open(strings.Replace(authorizationURL(t, p, f, ""), "//localhost:", "//127.0.0.1:", 1)))
}

func TestStartRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for addr, says := range map[string]string{
		taken.Addr().String(): "taken",
		strings.Replace(taken.Addr().String(), "127.0.0.1", "localhost", 1): "taken",
		"0.0.0.0:9480":      "loopback",
		":9480":             "loopback",
		"192.0.2.1:9480":    "loopback",
		"dev.example:9480":  "loopback",
		"127.0.0.1":         "host:port",
		"":                  "host:port",
		"127.0.0.1:unknown": "",
	} {
		s, err := devidp.Start(t.Context(), devidp.Config{Addr: addr, RedirectURIs: []string{callback}})
		if err == nil {
			s.Close(t.Context())
			t.Errorf("%q is accepted", addr)
			continue
		}
		if !strings.Contains(err.Error(), "DEV_OIDC_ADDR") || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", addr, err)
		}
	}
	if _, err := devidp.Start(t.Context(), devidp.Config{Addr: "127.0.0.1:0"}); err == nil {
		t.Error("no callback is accepted")
	}
}

func TestCloseFreesThePort(t *testing.T) {
	config := devidp.Config{Addr: "localhost:0", RedirectURIs: []string{callback}}
	s, err := devidp.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	config.Addr = strings.TrimPrefix(s.Issuer(), "http://")
	again, err := devidp.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if again.Issuer() != s.Issuer() {
		t.Errorf("issuer %s became %s", s.Issuer(), again.Issuer())
	}
	if err := again.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}
