package upstream_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/goleak"

	"mcp-oauth-server/router/upstream"
	"mcp-oauth-server/router/upstream/upstreamtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const callback = "http://localhost:8080/callback"

// relyingParty is a provider seen from our side, with a clock that the test moves and a log that it reads.
type relyingParty struct {
	*upstream.Provider
	clock *clock
	log   *syncBuffer
}

// newParty configures a relying party for idp. Tests that wait for the timeout shorten it.
func newParty(t *testing.T, idp *upstreamtest.Server, change ...func(*upstream.Config)) relyingParty {
	t.Helper()
	c, log := &clock{now: time.Now()}, &syncBuffer{}
	config := upstream.Config{
		Issuer: idp.Issuer, ClientID: idp.ClientID, ClientSecret: idp.ClientSecret, Scopes: []string{"openid", "profile", "email"},
		Timeout: 30 * time.Second, Now: c.Now, Log: slog.New(slog.NewTextHandler(log, nil)),
	}
	for _, f := range change {
		f(&config)
	}
	p, err := upstream.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return relyingParty{p, c, log}
}

func newFlow() upstream.Flow {
	return upstream.Flow{RedirectURI: callback, Nonce: rand.Text(), Verifier: rand.Text() + rand.Text()}
}

// begin does the browser's part: it follows the authorization URL and answers what the callback gets.
func (p relyingParty) begin(t *testing.T, flow upstream.Flow) (url.Values, error) {
	t.Helper()
	address, err := p.AuthorizationURL(t.Context(), flow, "the-state")
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	request, err := http.NewRequestWithContext(t.Context(), "GET", address, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	location, err := response.Location()
	if err != nil {
		t.Fatalf("the authorization endpoint answers %s: %v", response.Status, err)
	}
	if !strings.HasPrefix(location.String(), callback+"?") {
		t.Fatalf("the browser is sent to %s", location)
	}
	return location.Query(), nil
}

func (p relyingParty) login(t *testing.T) (upstream.Identity, error) {
	t.Helper()
	flow := newFlow()
	answer, err := p.begin(t, flow)
	if err != nil {
		return upstream.Identity{}, err
	}
	if got := answer.Get("state"); got != "the-state" {
		t.Fatalf("state came back as %q", got)
	}
	return p.Exchange(t.Context(), flow, upstream.Response{Code: answer.Get("code"), Issuer: answer.Get("iss")})
}

// mustLogin fails the test unless the fixed user gets in.
func (p relyingParty) mustLogin(t *testing.T) upstream.Identity {
	t.Helper()
	who, err := p.login(t)
	if err != nil {
		t.Fatalf("login: %v", err)
	}
	if who.Subject != "user-1" {
		t.Fatalf("subject is %q", who.Subject)
	}
	return who
}

// mustFail fails the test unless the login ends with the kind of error, in words of ours.
func (p relyingParty) mustFail(t *testing.T, kind error) error {
	t.Helper()
	who, err := p.login(t)
	if !errors.Is(err, kind) {
		t.Fatalf("got %+v, %v; want %v", who, err, kind)
	}
	if who != (upstream.Identity{}) {
		t.Fatalf("an identity beside the error: %+v", who)
	}
	for where, text := range map[string]string{"error": err.Error(), "log": p.log.String()} {
		if strings.Contains(text, upstreamtest.Marker) {
			t.Fatalf("the %s repeats the provider: %s", where, text)
		}
	}
	return err
}

func TestLogin(t *testing.T) {
	idp := upstreamtest.New(t)
	p := newParty(t, idp)
	got := p.mustLogin(t)
	want := upstream.Identity{Issuer: idp.Issuer, Subject: "user-1", Email: "user@example.com", EmailVerified: true, Name: "A User"}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	p.mustLogin(t)
	for endpoint, want := range map[upstreamtest.Endpoint]int{upstreamtest.Discovery: 1, upstreamtest.Keys: 1, upstreamtest.Userinfo: 0, upstreamtest.Token: 2} {
		if got := idp.Hits(endpoint); got != want {
			t.Errorf("%s was asked %d times in two logins, want %d", endpoint, got, want)
		}
	}
}

func TestAuthorizationURL(t *testing.T) {
	idp := upstreamtest.New(t)
	p := newParty(t, idp, func(c *upstream.Config) { c.Scopes = []string{"email"}; c.AuthURL = idp.Issuer + "/authorize?tenant=7" })
	flow := newFlow()
	address, err := p.AuthorizationURL(t.Context(), flow, "A.b-_~9")
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(address)
	q := u.Query()
	for name, want := range map[string]string{
		"tenant": "7", "response_type": "code", "client_id": idp.ClientID, "redirect_uri": callback, "state": "A.b-_~9",
		"scope": "openid email", "nonce": flow.Nonce, "code_challenge_method": "S256",
	} {
		if q.Get(name) != want || len(q[name]) != 1 {
			t.Errorf("%s is %q, want %q once", name, q[name], want)
		}
	}
	if strings.Contains(address, flow.Verifier) {
		t.Error("the PKCE verifier is in the URL")
	}
}

func TestNewRefuses(t *testing.T) {
	good := upstream.Config{Issuer: "https://id.example", ClientID: "x"}
	for name, c := range map[string]struct {
		change func(*upstream.Config)
		names  string
	}{
		"no client id":                      {func(c *upstream.Config) { c.ClientID = "" }, "OIDC_CLIENT_ID"},
		"no provider":                       {func(c *upstream.Config) { c.Issuer = "" }, "OIDC_ISSUER"},
		"oauth2, no userinfo":               {func(c *upstream.Config) { c.Issuer, c.AuthURL, c.TokenURL = "", "https://a/", "https://a/t" }, "OIDC_USER_URL"},
		"plain http issuer":                 {func(c *upstream.Config) { c.Issuer = "http://id.example" }, "OIDC_ISSUER"},
		"issuer with query":                 {func(c *upstream.Config) { c.Issuer = "https://id.example?x=1" }, "OIDC_ISSUER"},
		"issuer not a URL":                  {func(c *upstream.Config) { c.Issuer = "id.example" }, "OIDC_ISSUER"},
		"http token URL":                    {func(c *upstream.Config) { c.TokenURL = "http://id.example/t" }, "OIDC_TOKEN_URL"},
		"loopback token URL, remote issuer": {func(c *upstream.Config) { c.TokenURL = "http://localhost/t" }, "OIDC_TOKEN_URL"},
		"user in JWKS URL":                  {func(c *upstream.Config) { c.JWKSURL = "https://u:p@id.example/k" }, "OIDC_JWKS_URL"},
		"fragment in auth URL":              {func(c *upstream.Config) { c.AuthURL = "https://id.example/a#b" }, "OIDC_AUTH_URL"},
		"file user URL":                     {func(c *upstream.Config) { c.UserURL = "file:///etc/passwd" }, "OIDC_USER_URL"},
	} {
		t.Run(name, func(t *testing.T) {
			config := good
			c.change(&config)
			if _, err := upstream.New(config); err == nil || !strings.Contains(err.Error(), c.names) {
				t.Errorf("error is %v, want one that names %s", err, c.names)
			}
		})
	}
	if _, err := upstream.New(good); err != nil {
		t.Errorf("a good configuration is refused: %v", err)
	}
}

func TestIDTokenIsVerified(t *testing.T) {
	set := func(name string, value any) func(map[string]any) {
		return func(c map[string]any) { c[name] = value }
	}
	drop := func(name string) func(map[string]any) { return func(c map[string]any) { delete(c, name) } }
	both := func(a, b func(map[string]any)) func(map[string]any) { return func(c map[string]any) { a(c); b(c) } }
	seconds := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	for name, c := range map[string]struct {
		faults upstreamtest.Faults
		says   string // part of the error; empty means the login works
	}{
		"wrong key":              {upstreamtest.Faults{Signature: upstreamtest.WrongKey}, "signature"},
		"unknown key":            {upstreamtest.Faults{Signature: upstreamtest.UnknownKey}, "signature"},
		"alg none":               {upstreamtest.Faults{Signature: upstreamtest.AlgNone}, "algorithm"},
		"HS256, client secret":   {upstreamtest.Faults{Signature: upstreamtest.HMACSecret}, "algorithm"},
		"HS256, public key":      {upstreamtest.Faults{Signature: upstreamtest.HMACPublicKey}, "algorithm"},
		"one bit":                {upstreamtest.Faults{Signature: upstreamtest.BrokenByOneBit}, "signature"},
		"no ID token":            {upstreamtest.Faults{NoIDToken: true}, "ID token"},
		"other issuer":           {upstreamtest.Faults{Claims: set("iss", "https://evil.example")}, "iss"},
		"issuer with slash":      {upstreamtest.Faults{Claims: func(c map[string]any) { c["iss"] = c["iss"].(string) + "/" }}, "iss"},
		"other audience":         {upstreamtest.Faults{Claims: set("aud", "other")}, "aud"},
		"no audience":            {upstreamtest.Faults{Claims: drop("aud")}, "aud"},
		"empty audience":         {upstreamtest.Faults{Claims: set("aud", []string{})}, "aud"},
		"audience of a number":   {upstreamtest.Faults{Claims: set("aud", 7)}, "claims"},
		"two audiences, no azp":  {upstreamtest.Faults{Claims: set("aud", []string{"relying-party", "other"})}, "azp"},
		"two audiences, azp us":  {upstreamtest.Faults{Claims: both(set("aud", []string{"other", "relying-party"}), set("azp", "relying-party"))}, ""},
		"list of one audience":   {upstreamtest.Faults{Claims: set("aud", []string{"relying-party"})}, ""},
		"azp another":            {upstreamtest.Faults{Claims: set("azp", "other")}, "azp"},
		"azp empty":              {upstreamtest.Faults{Claims: set("azp", "")}, "azp"},
		"azp null":               {upstreamtest.Faults{Claims: set("azp", nil)}, ""},
		"expired":                {upstreamtest.Faults{Claims: set("exp", seconds(-time.Second))}, "exp"},
		"no exp":                 {upstreamtest.Faults{Claims: drop("exp")}, "exp"},
		"exp as string":          {upstreamtest.Faults{Claims: set("exp", "2099-01-01")}, "claims"},
		"exp as fraction":        {upstreamtest.Faults{Claims: set("exp", float64(seconds(time.Minute))+0.5)}, ""},
		"iat in the future":      {upstreamtest.Faults{Claims: set("iat", seconds(90*time.Second))}, "iat"},
		"iat a little ahead":     {upstreamtest.Faults{Claims: set("iat", seconds(30*time.Second))}, ""},
		"no iat":                 {upstreamtest.Faults{Claims: drop("iat")}, "iat"},
		"nbf in the future":      {upstreamtest.Faults{Claims: set("nbf", seconds(90*time.Second))}, "nbf"},
		"nbf a little ahead":     {upstreamtest.Faults{Claims: set("nbf", seconds(30*time.Second))}, ""},
		"other nonce":            {upstreamtest.Faults{Claims: set("nonce", "n")}, "nonce"},
		"no nonce":               {upstreamtest.Faults{Claims: drop("nonce")}, "nonce"},
		"nonce of another case":  {upstreamtest.Faults{Claims: func(c map[string]any) { c["nonce"] = strings.ToLower(c["nonce"].(string)) }}, "nonce"},
		"no sub":                 {upstreamtest.Faults{Claims: drop("sub")}, "sub"},
		"empty sub":              {upstreamtest.Faults{Claims: set("sub", "")}, "sub"},
		"sub of 10 KB":           {upstreamtest.Faults{Claims: set("sub", strings.Repeat("s", 10<<10))}, "sub"},
		"sub with a line break":  {upstreamtest.Faults{Claims: set("sub", "user-1\nadmin")}, "sub"},
		"sub a number":           {upstreamtest.Faults{Claims: set("sub", 1)}, "claims"},
		"SUB beside no sub":      {upstreamtest.Faults{Claims: both(drop("sub"), set("SUB", "user-1"))}, "sub"},
		"wrong at_hash":          {upstreamtest.Faults{Claims: set("at_hash", "AAAAAAAAAAAAAAAAAAAAAA")}, "at_hash"},
		"no at_hash":             {upstreamtest.Faults{Claims: drop("at_hash")}, ""},
		"claims of another kind": {upstreamtest.Faults{Claims: set("roles", map[string]any{"a": []int{1}})}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			idp := upstreamtest.New(t)
			idp.Set(c.faults)
			p := newParty(t, idp)
			if c.says == "" {
				p.mustLogin(t)
				return
			}
			if err := p.mustFail(t, upstream.ErrRefused); !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error does not mention %s: %v", c.says, err)
			}
		})
	}
}

// The clock is ours: with the claims unchanged, an ID token dies when our clock says so.
func TestExpiryFollowsTheClock(t *testing.T) {
	idp := upstreamtest.New(t)
	p := newParty(t, idp)
	p.clock.Add(4 * time.Minute)
	p.mustLogin(t)
	p.clock.Add(2 * time.Minute)
	if err := p.mustFail(t, upstream.ErrRefused); !strings.Contains(err.Error(), "exp") {
		t.Error(err)
	}
}

func TestEveryBadAnswer(t *testing.T) {
	down, no := upstream.ErrUnavailable, upstream.ErrRefused
	all := map[upstreamtest.Answer]struct{ document, token error }{
		upstreamtest.Reset:        {down, down},
		upstreamtest.Slow:         {down, down},
		upstreamtest.Drip:         {down, down},
		upstreamtest.HTML:         {down, no},
		upstreamtest.Status500:    {down, down},
		upstreamtest.Status503:    {down, down},
		upstreamtest.Status404:    {down, no},
		upstreamtest.Status401:    {down, no},
		upstreamtest.Error200:     {down, no},
		upstreamtest.Grant400:     {down, no},
		upstreamtest.Huge:         {down, no},
		upstreamtest.Bomb:         {down, no},
		upstreamtest.RedirectAway: {down, no},
		upstreamtest.Duplicate:    {down, no},
		upstreamtest.Empty:        {down, no},
	}
	for answer, want := range all {
		for endpoint, kind := range map[upstreamtest.Endpoint]error{
			upstreamtest.Discovery: want.document, upstreamtest.Keys: want.document, upstreamtest.Token: want.token, upstreamtest.Userinfo: nil,
		} {
			t.Run(fmt.Sprintf("%s: %s", endpoint, answer), func(t *testing.T) {
				t.Parallel()
				idp := upstreamtest.New(t)
				faults := upstreamtest.Faults{Answers: map[upstreamtest.Endpoint]upstreamtest.Answer{endpoint: answer}}
				if endpoint == upstreamtest.Userinfo {
					faults.Claims = func(c map[string]any) { delete(c, "email"); delete(c, "name") }
				}
				idp.Set(faults)
				p := newParty(t, idp, func(c *upstream.Config) {
					if answer == upstreamtest.Slow || answer == upstreamtest.Drip {
						c.Timeout = 1500 * time.Millisecond
					}
				})
				if kind == nil {
					// Userinfo costs the profile, never the login.
					if who := p.mustLogin(t); who.Email != "" || who.Name != "" {
						t.Errorf("a profile from a bad answer: %+v", who)
					}
				} else {
					p.mustFail(t, kind)
				}
				if idp.Hits(endpoint) == 0 {
					t.Error("the endpoint was never asked: this test tests nothing")
				}
				if idp.Hits(upstreamtest.Redirected) != 0 {
					t.Error("a redirect was followed")
				}
				if strings.Contains(p.log.String(), upstreamtest.Marker) {
					t.Error("the log repeats the provider")
				}
				idp.Set(upstreamtest.Faults{})
				p.clock.Add(time.Minute)
				p.mustLogin(t)
			})
		}
	}
}

func TestClientAuthentication(t *testing.T) {
	for name, c := range map[string]struct {
		takes    string
		metadata []string
		requests int   // at the token endpoint, for the first login
		fails    error // of the first login
	}{
		"basic named":            {"basic", []string{"client_secret_basic"}, 1, nil},
		"post named":             {"post", []string{"client_secret_post"}, 1, nil},
		"both named, post taken": {"post", []string{"client_secret_post", "client_secret_basic"}, 2, nil},
		"none named, basic":      {"basic", nil, 1, nil},
		"none named, post":       {"post", nil, 2, nil},
		"only keys named":        {"", []string{"private_key_jwt"}, 0, upstream.ErrRefused},
		"post named, not taken":  {"basic", []string{"client_secret_post"}, 1, upstream.ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			idp := upstreamtest.New(t)
			idp.Set(upstreamtest.Faults{AuthMethod: c.takes, Metadata: func(d map[string]any) {
				if c.metadata != nil {
					d["token_endpoint_auth_methods_supported"] = c.metadata
				}
			}})
			p := newParty(t, idp)
			if c.fails != nil {
				p.mustFail(t, c.fails)
			} else {
				p.mustLogin(t)
			}
			if got := idp.Hits(upstreamtest.Token); got != c.requests {
				t.Errorf("the token endpoint was asked %d times, want %d", got, c.requests)
			}
			if c.fails == nil {
				p.mustLogin(t)
				if got := idp.Hits(upstreamtest.Token); got != c.requests+1 {
					t.Errorf("the second login needed %d requests: the method that works is not remembered", got-c.requests)
				}
			}
		})
	}
}

// A code may be spent by any failure but a refused authentication: then nobody tries it again.
func TestNoSecondAttemptAfterOtherFailures(t *testing.T) {
	for _, answer := range []upstreamtest.Answer{upstreamtest.Grant400, upstreamtest.HTML, upstreamtest.Status500, upstreamtest.Reset, upstreamtest.Error200, upstreamtest.RedirectAway} {
		t.Run(string(answer), func(t *testing.T) {
			idp := upstreamtest.New(t)
			idp.Set(upstreamtest.Faults{Answers: map[upstreamtest.Endpoint]upstreamtest.Answer{upstreamtest.Token: answer}})
			newParty(t, idp).login(t)
			if got := idp.Hits(upstreamtest.Token); got != 1 {
				t.Errorf("the token endpoint was asked %d times", got)
			}
		})
	}
}

func TestWrongSecretNamesTheSetting(t *testing.T) {
	idp := upstreamtest.New(t)
	p := newParty(t, idp, func(c *upstream.Config) { c.ClientSecret = "guess-who" })
	err := p.mustFail(t, upstream.ErrRefused)
	if !strings.Contains(err.Error(), "OIDC_CLIENT_SECRET") || strings.Contains(err.Error(), "guess-who") {
		t.Error(err)
	}
}

func TestCodeOfAnotherLogin(t *testing.T) {
	idp := upstreamtest.New(t)
	p := newParty(t, idp)
	mine, theirs := newFlow(), newFlow()
	answer, err := p.begin(t, theirs)
	if err != nil {
		t.Fatal(err)
	}
	response := upstream.Response{Code: answer.Get("code")}
	if _, err := p.Exchange(t.Context(), mine, response); !errors.Is(err, upstream.ErrRefused) {
		t.Errorf("another login's code: %v", err)
	}
	// Even a provider that ignores PKCE: the nonce holds.
	answer, _ = p.begin(t, theirs)
	mine.Verifier = theirs.Verifier
	_, err = p.Exchange(t.Context(), mine, upstream.Response{Code: answer.Get("code")})
	if !errors.Is(err, upstream.ErrRefused) || !strings.Contains(err.Error(), "nonce") {
		t.Errorf("another login's nonce: %v", err)
	}
}

func TestCodeTwice(t *testing.T) {
	p := newParty(t, upstreamtest.New(t))
	flow := newFlow()
	answer, err := p.begin(t, flow)
	if err != nil {
		t.Fatal(err)
	}
	response := upstream.Response{Code: answer.Get("code")}
	if _, err := p.Exchange(t.Context(), flow, response); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Exchange(t.Context(), flow, response); !errors.Is(err, upstream.ErrRefused) {
		t.Errorf("the second use of a code: %v", err)
	}
}

func TestResponseIssuer(t *testing.T) {
	idp := upstreamtest.New(t)
	always := func(d map[string]any) { d["authorization_response_iss_parameter_supported"] = true }
	for name, c := range map[string]struct {
		issuer   string
		metadata func(map[string]any)
		good     bool
	}{
		"right":                  {idp.Issuer, nil, true},
		"absent":                 {"", nil, true},
		"another":                {"https://evil.example", nil, false},
		"absent though promised": {"", always, false},
		"right as promised":      {idp.Issuer, always, true},
	} {
		t.Run(name, func(t *testing.T) {
			idp.Set(upstreamtest.Faults{Metadata: c.metadata})
			p := newParty(t, idp)
			flow := newFlow()
			answer, err := p.begin(t, flow)
			if err != nil {
				t.Fatal(err)
			}
			before := idp.Hits(upstreamtest.Token)
			_, err = p.Exchange(t.Context(), flow, upstream.Response{Code: answer.Get("code"), Issuer: c.issuer})
			if c.good != (err == nil) {
				t.Errorf("got %v", err)
			}
			if !c.good && (!errors.Is(err, upstream.ErrRefused) || idp.Hits(upstreamtest.Token) != before) {
				t.Errorf("the code went to the token endpoint, or the error is of another kind: %v", err)
			}
		})
	}
}

func TestIncompleteFlowIsRefused(t *testing.T) {
	idp := upstreamtest.New(t)
	p := newParty(t, idp)
	for name, spoil := range map[string]func(*upstream.Flow){
		"no nonce":       func(f *upstream.Flow) { f.Nonce = "" },
		"no verifier":    func(f *upstream.Flow) { f.Verifier = "" },
		"short verifier": func(f *upstream.Flow) { f.Verifier = f.Verifier[:42] },
		"no redirect":    func(f *upstream.Flow) { f.RedirectURI = "" },
	} {
		flow := newFlow()
		spoil(&flow)
		if _, err := p.AuthorizationURL(t.Context(), flow, "s"); !errors.Is(err, upstream.ErrRefused) {
			t.Errorf("%s: AuthorizationURL gives %v", name, err)
		}
		if _, err := p.Exchange(t.Context(), flow, upstream.Response{Code: "c"}); !errors.Is(err, upstream.ErrRefused) {
			t.Errorf("%s: Exchange gives %v", name, err)
		}
	}
	for _, code := range []string{"", strings.Repeat("c", 8<<10+1)} {
		if _, err := p.Exchange(t.Context(), newFlow(), upstream.Response{Code: code}); !errors.Is(err, upstream.ErrRefused) {
			t.Errorf("a code of %d bytes: %v", len(code), err)
		}
	}
	if idp.Hits(upstreamtest.Token) != 0 {
		t.Error("the token endpoint was asked")
	}
}

func TestFlowDoesNotPrint(t *testing.T) {
	flow := newFlow()
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, flow); strings.Contains(text, flow.Verifier) || strings.Contains(text, flow.Nonce) {
			t.Errorf("%s prints %s", format, text)
		}
	}
}

func TestDiscoveryIsRefused(t *testing.T) {
	for name, change := range map[string]func(d map[string]any){
		"other issuer":             func(d map[string]any) { d["issuer"] = "https://evil.example" },
		"issuer with a slash":      func(d map[string]any) { d["issuer"] = d["issuer"].(string) + "/" },
		"no issuer":                func(d map[string]any) { delete(d, "issuer") },
		"no token endpoint":        func(d map[string]any) { delete(d, "token_endpoint") },
		"no keys":                  func(d map[string]any) { delete(d, "jwks_uri") },
		"token endpoint over http": func(d map[string]any) { d["token_endpoint"] = "http://id.example/token" },
		"userinfo over http":       func(d map[string]any) { d["userinfo_endpoint"] = "http://id.example/userinfo" },
		"authorization javascript": func(d map[string]any) { d["authorization_endpoint"] = "javascript:alert(1)" },
		"keys in a file":           func(d map[string]any) { d["jwks_uri"] = "file:///etc/keys" },
	} {
		t.Run(name, func(t *testing.T) {
			idp := upstreamtest.New(t)
			idp.Set(upstreamtest.Faults{Metadata: change})
			err := newParty(t, idp).mustFail(t, upstream.ErrUnavailable)
			if !strings.Contains(err.Error(), "discovery") {
				t.Error(err)
			}
		})
	}
}

func TestKeySets(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	oct := map[string]any{"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I", "alg": "HS256", "kid": "oct"}
	odd := map[string]any{"kty": "OKP", "crv": "Ed448", "x": "AAAA", "kid": "odd"}
	for name, c := range map[string]struct {
		change func([]any) []any
		kind   error
	}{
		"oct beside":        {func(k []any) []any { return append([]any{oct}, k...) }, nil},
		"oct alone":         {func([]any) []any { return []any{oct} }, upstream.ErrUnavailable},
		"weak RSA alone":    {func([]any) []any { return []any{jose.JSONWebKey{Key: &weak.PublicKey, KeyID: "w"}} }, upstream.ErrUnavailable},
		"weak RSA beside":   {func(k []any) []any { return append(k, jose.JSONWebKey{Key: &weak.PublicKey, KeyID: "w"}) }, nil},
		"private key alone": {func([]any) []any { return []any{jose.JSONWebKey{Key: weak, KeyID: "p"}} }, upstream.ErrUnavailable},
		"unknown curve":     {func(k []any) []any { return append([]any{odd, "nonsense", nil}, k...) }, nil},
		"same id twice":     {func(k []any) []any { return append(k, k...) }, nil},
		"for encryption":    {func(k []any) []any { key := k[0].(jose.JSONWebKey); key.Use = "enc"; return []any{key} }, upstream.ErrUnavailable},
		"of another alg":    {func(k []any) []any { key := k[0].(jose.JSONWebKey); key.Algorithm = "ES384"; return []any{key} }, upstream.ErrRefused},
		"empty":             {func([]any) []any { return []any{} }, upstream.ErrUnavailable},
		"too many":          {func(k []any) []any { return slices.Repeat(k, 201) }, upstream.ErrUnavailable},
		"no use, no alg": {func(k []any) []any {
			key := k[0].(jose.JSONWebKey)
			key.Use, key.Algorithm = "", ""
			return []any{key}
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			idp := upstreamtest.New(t)
			idp.Set(upstreamtest.Faults{KeySet: c.change})
			p := newParty(t, idp)
			if c.kind == nil {
				p.mustLogin(t)
			} else {
				p.mustFail(t, c.kind)
			}
		})
	}
}

// A rotation costs one fetch, and a key that was removed is forgotten within the hour.
func TestKeyRotation(t *testing.T) {
	idp := upstreamtest.New(t)
	p := newParty(t, idp)
	p.mustLogin(t)
	p.clock.Add(11 * time.Second)
	idp.Rotate(false)
	p.mustLogin(t)
	if got := idp.Hits(upstreamtest.Keys); got != 2 {
		t.Errorf("a rotation cost %d fetches of the keys, want one more than the first", got)
	}
	idp.Set(upstreamtest.Faults{
		Claims: func(c map[string]any) { c["exp"] = time.Now().Add(3 * time.Hour).Unix() },
		KeySet: func([]any) []any {
			private, _ := rsa.GenerateKey(rand.Reader, 2048)
			return []any{jose.JSONWebKey{Key: &private.PublicKey, KeyID: "the-next"}}
		},
	})
	p.mustLogin(t)
	p.clock.Add(time.Hour)
	if err := p.mustFail(t, upstream.ErrRefused); !strings.Contains(err.Error(), "signature") {
		t.Error(err)
	}
}

// Tokens with invented key ids cannot make us fetch the keys at will.
func TestForgedKeyIDsDoNotAmplify(t *testing.T) {
	idp := upstreamtest.New(t)
	p := newParty(t, idp)
	p.mustLogin(t)
	idp.Set(upstreamtest.Faults{Signature: upstreamtest.UnknownKey})
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { p.login(t) })
	}
	wg.Wait()
	if got := idp.Hits(upstreamtest.Keys); got != 1 {
		t.Errorf("within 10 s of the last fetch the keys were fetched %d more times", got-1)
	}
	p.clock.Add(11 * time.Second)
	for range 50 {
		wg.Go(func() { p.login(t) })
	}
	wg.Wait()
	if got := idp.Hits(upstreamtest.Keys); got != 2 {
		t.Errorf("the keys were fetched %d times in all, want 2", got)
	}
	idp.Set(upstreamtest.Faults{})
	p.mustLogin(t)
}

func TestProviderDownAtFirst(t *testing.T) {
	idp := upstreamtest.New(t)
	idp.Set(upstreamtest.Faults{Answers: map[upstreamtest.Endpoint]upstreamtest.Answer{upstreamtest.Discovery: upstreamtest.Status503}})
	p := newParty(t, idp)
	for range 20 {
		p.mustFail(t, upstream.ErrUnavailable)
	}
	if got := idp.Hits(upstreamtest.Discovery); got != 1 {
		t.Errorf("20 logins asked a provider that is down %d times", got)
	}
	for range 10 { // The pause grows, and never beyond 10 s.
		p.clock.Add(10 * time.Second)
		p.mustFail(t, upstream.ErrUnavailable)
	}
	if got := idp.Hits(upstreamtest.Discovery); got != 11 {
		t.Errorf("discovery was tried %d times in 100 s, want 11", got)
	}
	idp.Set(upstreamtest.Faults{})
	p.clock.Add(10 * time.Second)
	p.mustLogin(t)
	if !strings.Contains(p.log.String(), "upstream_fetch_recovered") {
		t.Error("the log does not say that the provider is back")
	}
}

func TestLastGoodMetadataIsKept(t *testing.T) {
	idp := upstreamtest.New(t)
	p := newParty(t, idp)
	p.mustLogin(t)
	idp.Set(upstreamtest.Faults{Metadata: func(d map[string]any) {
		d["issuer"], d["token_endpoint"] = "https://evil.example", "https://evil.example/token"
	}})
	p.clock.Add(2 * time.Hour)
	// The provider's own clock did not move, so only the URL is of interest here, not the ID token.
	address, err := p.AuthorizationURL(t.Context(), newFlow(), "s")
	if err != nil || !strings.HasPrefix(address, idp.Issuer+"/") {
		t.Errorf("got %s, %v", address, err)
	}
	if idp.Hits(upstreamtest.Discovery) != 2 {
		t.Error("the metadata was not refreshed after an hour")
	}
}

func TestConcurrentFirstLoginsShareDiscovery(t *testing.T) {
	idp := upstreamtest.New(t)
	p := newParty(t, idp)
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			if _, err := p.login(t); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if d, k := idp.Hits(upstreamtest.Discovery), idp.Hits(upstreamtest.Keys); d != 1 || k != 1 {
		t.Errorf("30 logins at once fetched discovery %d and keys %d times", d, k)
	}
}

// With all slots taken by a provider that does not answer, further logins fail at once.
func TestConcurrencyCap(t *testing.T) {
	idp := upstreamtest.New(t)
	p := newParty(t, idp, func(c *upstream.Config) { c.Timeout = time.Minute })
	p.mustLogin(t)
	idp.Set(upstreamtest.Faults{Answers: map[upstreamtest.Endpoint]upstreamtest.Answer{upstreamtest.Token: upstreamtest.Slow}})
	exchange := func() error {
		_, err := p.Exchange(t.Context(), newFlow(), upstream.Response{Code: "c"})
		return err
	}
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			if err := exchange(); !errors.Is(err, upstream.ErrUnavailable) {
				t.Error(err)
			}
		})
	}
	deadline := time.Now().Add(20 * time.Second)
	for idp.Hits(upstreamtest.Token) < 65 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	start := time.Now()
	err := exchange()
	if !errors.Is(err, upstream.ErrUnavailable) || !strings.Contains(err.Error(), "64") || time.Since(start) > 20*time.Second {
		t.Errorf("the 65th call: %v after %v", err, time.Since(start))
	}
	idp.Close()
	wg.Wait()
}

func TestOverridesWithoutDiscovery(t *testing.T) {
	idp := upstreamtest.New(t)
	all := func(c *upstream.Config) {
		c.AuthURL, c.TokenURL, c.JWKSURL = idp.Issuer+"/authorize", idp.Issuer+"/token", idp.Issuer+"/keys"
	}
	p := newParty(t, idp, all)
	p.mustLogin(t)
	if idp.Hits(upstreamtest.Discovery) != 0 {
		t.Error("discovery was asked although nothing was missing")
	}
	// The seed's two URLs beside an issuer change where we go and nothing of what is proven.
	idp.Set(upstreamtest.Faults{Signature: upstreamtest.WrongKey})
	newParty(t, idp, all).mustFail(t, upstream.ErrRefused)
	idp.Set(upstreamtest.Faults{NoIDToken: true})
	newParty(t, idp, all).mustFail(t, upstream.ErrRefused)
}

func TestPublicClient(t *testing.T) {
	idp := upstreamtest.New(t)
	idp.ClientSecret = ""
	idp.Set(upstreamtest.Faults{AuthMethod: "post", Metadata: func(d map[string]any) { d["token_endpoint_auth_methods_supported"] = []string{"none"} }})
	newParty(t, idp).mustLogin(t)
}

// syncBuffer is a log that may be written while it is read.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// clock is the time as the relying party sees it.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
