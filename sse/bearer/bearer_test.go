package bearer_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/crypto/jose"
	"mcp-oauth-server/sse/bearer"
)

const issuer = "https://mcp.example.com"

// office mints tokens and checks them, by one clock.
type office struct {
	*bearer.Checker
	vault *artifact.Vault
	now   time.Time
}

func newOffice(t testing.TB) *office {
	t.Helper()
	o := &office{now: time.Unix(1_800_000_000, 0)}
	o.vault = &artifact.Vault{
		Ring:      newRing(t),
		Algorithm: jose.EdDSA,
		Lifetimes: artifact.Lifetimes{Code: time.Minute, Access: 10 * time.Minute, Idle: time.Hour, Session: time.Hour},
		Now:       func() time.Time { return o.now },
		Issuers:   []string{issuer},
	}
	o.Checker = &bearer.Checker{
		Open:      artifact.NewOpener[artifact.AccessToken](o.vault),
		Audiences: []string{issuer + "/sse", issuer + "/mcp"},
		Scope:     "mcp:tools",
	}
	return o
}

// Check is the Checker's, now.
func (o *office) Check(headers [][]byte) (bearer.Principal, *bearer.Refusal) {
	p, refusal := o.Checker.Check(headers, o.now)
	if p == nil {
		return bearer.Principal{}, refusal
	}
	return *p, refusal
}

func newRing(t testing.TB) *jose.Ring {
	t.Helper()
	secrets, err := jose.ParseSecrets(jose.NewSecret())
	if err != nil {
		t.Fatal(err)
	}
	ring, err := jose.NewRing(issuer, secrets)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func (o *office) mint(t testing.TB, change ...func(*artifact.AccessToken)) string {
	t.Helper()
	a := artifact.AccessToken{
		User:     artifact.User{Subject: "alice", Email: "a@example.com", Name: "Alice"},
		Issuer:   issuer,
		Audience: issuer + "/sse",
		Client:   "client",
		Scope:    "mcp:tools",
	}
	for _, f := range change {
		f(&a)
	}
	token, err := artifact.NewSealer[artifact.AccessToken](o.vault).Seal(a)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func header(values ...string) (headers [][]byte) {
	for _, v := range values {
		headers = append(headers, []byte(v))
	}
	return headers
}

func TestPrincipal(t *testing.T) {
	o := newOffice(t)
	token := o.mint(t, func(a *artifact.AccessToken) { a.Scope = "mcp:tools other" })
	for _, cached := range []bool{false, true} {
		p, refusal := o.Check(header("Bearer " + token))
		if refusal != nil {
			t.Fatalf("cached %v: %+v", cached, refusal)
		}
		got := fmt.Sprint(p.Subject, p.ClientID, p.Scope, p.Email, p.Name, p.Expires.Sub(o.now))
		if want := "aliceclientmcp:tools othera@example.comAlice10m0s"; got != want {
			t.Errorf("cached %v: %s", cached, got)
		}
	}
	if _, refusal := o.Check(header("Bearer " + o.mint(t, func(a *artifact.AccessToken) { a.Audience = issuer + "/mcp" }))); refusal != nil {
		t.Errorf("the other audience: %+v", refusal)
	}
}

func TestRefusals(t *testing.T) {
	o := newOffice(t)
	good := o.mint(t)
	stranger := newOffice(t)
	for _, c := range []struct {
		name    string
		headers []string
		status  int
		code    string
	}{
		{"none", nil, 401, ""},
		{"another scheme", []string{"Basic YTpi"}, 401, ""},
		{"another scheme, alone", []string{"Negotiate"}, 401, ""},
		{"empty", []string{""}, 400, "invalid_request"},
		{"no token", []string{"Bearer"}, 400, "invalid_request"},
		{"no token, a space", []string{"Bearer "}, 400, "invalid_request"},
		{"only padding", []string{"Bearer =="}, 400, "invalid_request"},
		{"two spaces", []string{"Bearer  " + good}, 400, "invalid_request"},
		{"a tab", []string{"Bearer\t" + good}, 400, "invalid_request"},
		{"a space before", []string{" Bearer " + good}, 400, "invalid_request"},
		{"a space behind", []string{"Bearer " + good + " "}, 400, "invalid_request"},
		{"something behind", []string{"Bearer " + good + " x"}, 400, "invalid_request"},
		{"two", []string{"Bearer " + good, "Bearer " + good}, 400, "invalid_request"},
		{"two schemes", []string{"Basic YTpi", "Bearer " + good}, 400, "invalid_request"},
		{"joined", []string{"Bearer " + good + ",Bearer " + good}, 400, "invalid_request"},
		{"joined, and too long", []string{"Bearer " + good + ",Bearer " + strings.Repeat("a", artifact.MaxAccessToken)}, 400, "invalid_request"},
		{"joined schemes", []string{"Basic YTpi, Bearer " + good}, 400, "invalid_request"},
		{"padding inside", []string{"Bearer a=b"}, 400, "invalid_request"},
		{"NUL", []string{"Bearer " + good + "\x00"}, 400, "invalid_request"},
		{"not ASCII", []string{"Bearer é"}, 400, "invalid_request"},
		{"rubbish", []string{"Bearer rubbish"}, 401, "invalid_token"},
		{"too long", []string{"Bearer " + strings.Repeat("a", artifact.MaxAccessToken+1)}, 401, "invalid_token"},
		{"padded", []string{"Bearer " + good + "="}, 401, "invalid_token"},
		{"another key ring", []string{"Bearer " + stranger.mint(t)}, 401, "invalid_token"},
		{"another audience", []string{"Bearer " + o.mint(t, func(a *artifact.AccessToken) { a.Audience = issuer })}, 401, "invalid_token"},
		{"another issuer", []string{"Bearer " + o.mint(t, func(a *artifact.AccessToken) { a.Issuer = "https://evil.example" })}, 401, "invalid_token"},
		{"no subject", []string{"Bearer " + o.mint(t, func(a *artifact.AccessToken) { a.Subject = "" })}, 401, "invalid_token"},
		{"no scope", []string{"Bearer " + o.mint(t, func(a *artifact.AccessToken) { a.Scope = "" })}, 403, "insufficient_scope"},
		{"a longer scope", []string{"Bearer " + o.mint(t, func(a *artifact.AccessToken) { a.Scope = "xmcp:tools mcp:toolsx" })}, 403, "insufficient_scope"},
	} {
		for range 2 { // the second time the cache has had its chance
			p, refusal := o.Check(header(c.headers...))
			if refusal == nil || refusal.Status != c.status || refusal.Code != c.code || p.Subject != "" {
				t.Errorf("%s: %+v %+v", c.name, p, refusal)
			}
		}
	}
}

func TestEveryByteCounts(t *testing.T) {
	o := newOffice(t)
	good := o.mint(t)
	if _, refusal := o.Check(header("Bearer " + good)); refusal != nil {
		t.Fatal(refusal)
	}
	for i := range good { // with a warm cache: a token altered in one place is another token
		bad := []byte(good)
		bad[i] ^= 1
		if _, refusal := o.Check(header("Bearer " + string(bad))); refusal == nil {
			t.Errorf("byte %d does not matter", i)
		}
		if _, refusal := o.Check(header("Bearer " + good[:i])); refusal == nil {
			t.Errorf("cut to %d bytes it is still good", i)
		}
	}
}

func TestCacheDoesNotProlongAToken(t *testing.T) {
	o := newOffice(t)
	token := o.mint(t)
	for _, c := range []struct {
		after time.Duration
		good  bool
	}{{0, true}, {10*time.Minute - time.Nanosecond, true}, {10 * time.Minute, false}, {time.Hour, false}} {
		start := o.now
		o.now = o.now.Add(c.after)
		_, refusal := o.Check(header("bearer " + token))
		if (refusal == nil) != c.good || !c.good && refusal.Code != "invalid_token" {
			t.Errorf("after %v: %+v", c.after, refusal)
		}
		o.now = start
	}
}

func TestFlushAfterTheRingChanged(t *testing.T) {
	o := newOffice(t)
	token := o.mint(t)
	if _, refusal := o.Check(header("Bearer " + token)); refusal != nil {
		t.Fatal(refusal)
	}
	o.vault.Ring = newRing(t)
	if _, refusal := o.Check(header("Bearer " + token)); refusal != nil {
		t.Fatal("the cache is not used")
	}
	o.Flush()
	if _, refusal := o.Check(header("Bearer " + token)); refusal == nil {
		t.Error("good after the flush")
	}
	token = o.mint(t)
	for range 2 {
		if _, refusal := o.Check(header("Bearer " + token)); refusal != nil {
			t.Error("the cache is not used after a flush")
		}
		o.vault.Ring = newRing(t)
	}
}

func TestFailuresAreNotRemembered(t *testing.T) {
	o := newOffice(t)
	token := o.mint(t)
	o.now = o.now.Add(-time.Hour) // issued in the future
	if _, refusal := o.Check(header("Bearer " + token)); refusal == nil {
		t.Fatal("good before its time")
	}
	o.now = o.now.Add(time.Hour)
	if _, refusal := o.Check(header("Bearer " + token)); refusal != nil {
		t.Errorf("refused later: %+v", refusal)
	}
}

func TestHeadersAreNotKept(t *testing.T) {
	o := newOffice(t)
	token := o.mint(t)
	buffer := header("Bearer " + token)
	if _, refusal := o.Check(buffer); refusal != nil {
		t.Fatal(refusal)
	}
	clear(buffer[0]) // the HTTP server reuses it
	if p, refusal := o.Check(header("Bearer " + token)); refusal != nil || p.Subject != "alice" {
		t.Errorf("%+v %+v", p, refusal)
	}
}

func TestConcurrentChecks(t *testing.T) {
	o := newOffice(t)
	o.CacheSize = 64
	var wg sync.WaitGroup
	for g := range 4 {
		tokens := make([]string, 40)
		for i := range tokens {
			tokens[i] = o.mint(t, func(a *artifact.AccessToken) { a.Subject = fmt.Sprint(g, i) })
		}
		wg.Go(func() {
			for range 3 {
				for i, token := range tokens {
					if p, refusal := o.Check(header("Bearer " + token)); refusal != nil || p.Subject != fmt.Sprint(g, i) {
						t.Errorf("%+v %+v", p, refusal)
					}
				}
				o.Flush()
			}
		})
	}
	wg.Wait()
}

func TestChallenge(t *testing.T) {
	o := newOffice(t)
	const metadata = "/.well-known/oauth-protected-resource/sse"
	_, bare := o.Check(nil)
	if got := string(bare.AppendChallenge(nil, issuer, metadata, "mcp:tools")); got != `Bearer resource_metadata="`+issuer+metadata+`", scope="mcp:tools"` {
		t.Error(got)
	}
	_, bad := o.Check(header("Bearer rubbish"))
	if got := string(bad.AppendChallenge(nil, issuer, metadata, "mcp:tools")); !strings.Contains(got, `, error="invalid_token", error_description="the access token`) {
		t.Error(got)
	}
	for _, r := range []*bearer.Refusal{bare, bad, bearer.InQuery()} {
		if strings.ContainsAny(r.Description, `"\`) {
			t.Errorf("%q cannot be quoted", r.Description)
		}
	}
}

func BenchmarkHit(b *testing.B) {
	o := newOffice(b)
	h := header("Bearer " + o.mint(b))
	b.ReportAllocs()
	for b.Loop() {
		if _, refusal := o.Check(h); refusal != nil {
			b.Fatal(refusal)
		}
	}
}

func BenchmarkMiss(b *testing.B) {
	o := newOffice(b)
	o.CacheSize = -1
	h := header("Bearer " + o.mint(b))
	b.ReportAllocs()
	for b.Loop() {
		if _, refusal := o.Check(h); refusal != nil {
			b.Fatal(refusal)
		}
	}
}

func BenchmarkForged(b *testing.B) {
	o := newOffice(b)
	token := []byte("Bearer " + o.mint(b))
	token[len(token)-5] ^= 1
	h := [][]byte{token}
	b.ReportAllocs()
	for b.Loop() {
		if _, refusal := o.Check(h); refusal == nil {
			b.Fatal("good")
		}
	}
}
