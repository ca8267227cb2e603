package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"mcp-oauth-server/router/upstream/upstreamtest"
)

// providerTime bounds what a person waits for a provider that does not answer: five seconds a call, and a busy machine.
const providerTime = 12 * time.Second

// attempt logs in and wants the client to be told an error at the step that fails. A code never comes of it.
func (g *target) attempt(t *testing.T, want string) {
	t.Helper()
	a := g.app("user")
	a.register(t)
	a.authorize(t)
	begin := time.Now()
	p := a.browser.submit(t, a.consent, "approve")
	if p.location != nil && strings.HasPrefix(p.location.String(), g.watch.provider) {
		a.toProvider = p
		a.signIn(t)
		begin = time.Now()
		p = a.browser.open(t, a.callback.String())
	}
	if took := time.Since(begin); took > providerTime {
		t.Errorf("the client waited %v", took)
	}
	g.wantRedirect(t, a, reply{p.status, p.header, p.body}, want)
	if text := p.header.Get("Location"); strings.Contains(text, upstreamtest.Marker) || strings.Contains(text, "127.0.0.1") {
		t.Errorf("the client is told the provider's own words or address: %q", text)
	}
}

// Whatever the provider does, the client hears of it in one word, soon, and never gets a code; when the provider behaves
// again, so do logins. Tokens that were issued go on working all the while.
func TestLoginSurvivesItsProvider(t *testing.T) {
	t.Parallel()
	type faults = upstreamtest.Faults
	answer := func(e upstreamtest.Endpoint, a upstreamtest.Answer) faults {
		return faults{Answers: map[upstreamtest.Endpoint]upstreamtest.Answer{e: a}}
	}
	claim := func(name string, value any) faults {
		return faults{Claims: func(c map[string]any) {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		}}
	}
	const refused, unavailable = "server_error", "temporarily_unavailable"
	groups := map[string]map[string]struct {
		faults faults
		want   string
	}{
		"the token endpoint": {
			"cut":            {answer(upstreamtest.Token, upstreamtest.Reset), unavailable},
			"silent":         {answer(upstreamtest.Token, upstreamtest.Slow), unavailable},
			"a page":         {answer(upstreamtest.Token, upstreamtest.HTML), refused},
			"500":            {answer(upstreamtest.Token, upstreamtest.Status500), unavailable},
			"503":            {answer(upstreamtest.Token, upstreamtest.Status503), unavailable},
			"404":            {answer(upstreamtest.Token, upstreamtest.Status404), refused},
			"401":            {answer(upstreamtest.Token, upstreamtest.Status401), refused},
			"an error as OK": {answer(upstreamtest.Token, upstreamtest.Error200), refused},
			"invalid_grant":  {answer(upstreamtest.Token, upstreamtest.Grant400), refused},
			"10 MB":          {answer(upstreamtest.Token, upstreamtest.Huge), refused},
			"a bomb":         {answer(upstreamtest.Token, upstreamtest.Bomb), refused},
			"a redirect":     {answer(upstreamtest.Token, upstreamtest.RedirectAway), refused},
			"names twice":    {answer(upstreamtest.Token, upstreamtest.Duplicate), refused},
			"nothing":        {answer(upstreamtest.Token, upstreamtest.Empty), refused},
			"no ID token":    {faults{NoIDToken: true}, refused},
		},
		"the signature": {
			"another key":     {faults{Signature: upstreamtest.WrongKey}, refused},
			"an unknown key":  {faults{Signature: upstreamtest.UnknownKey}, refused},
			"none":            {faults{Signature: upstreamtest.AlgNone}, refused},
			"our secret":      {faults{Signature: upstreamtest.HMACSecret}, refused},
			"its public key":  {faults{Signature: upstreamtest.HMACPublicKey}, refused},
			"one bit":         {faults{Signature: upstreamtest.BrokenByOneBit}, refused},
			"keys are a page": {faults{Signature: upstreamtest.UnknownKey, Answers: map[upstreamtest.Endpoint]upstreamtest.Answer{upstreamtest.Keys: upstreamtest.HTML}}, refused},
		},
		"the claims": {
			"another issuer":       {claim("iss", "https://evil.example"), refused},
			"no issuer":            {claim("iss", nil), refused},
			"another audience":     {claim("aud", "another-client"), refused},
			"no audience":          {claim("aud", nil), refused},
			"many, and no azp":     {claim("aud", []string{"relying-party", "another-client"}), refused},
			"another azp":          {claim("azp", "another-client"), refused},
			"another nonce":        {claim("nonce", "x"), refused},
			"no nonce":             {claim("nonce", nil), refused},
			"an empty nonce":       {claim("nonce", ""), refused},
			"expired":              {claim("exp", time.Now().Add(-time.Hour).Unix()), refused},
			"no expiry":            {claim("exp", nil), refused},
			"issued in the future": {claim("iat", time.Now().Add(24*time.Hour).Unix()), refused},
			"not yet":              {claim("nbf", time.Now().Add(24*time.Hour).Unix()), refused},
			"no subject":           {claim("sub", nil), refused},
			"an empty subject":     {claim("sub", ""), refused},
			"10 KB of subject":     {claim("sub", strings.Repeat("s", 10<<10)), refused},
			"another at_hash":      {claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), refused},
		},
	}
	for group, tests := range groups {
		t.Run(group, func(t *testing.T) {
			t.Parallel()
			g, idp := attackBehind(t)
			good := g.loggedIn(t, "user")
			for name, test := range tests {
				t.Run(name, func(t *testing.T) {
					idp.Set(test.faults)
					g.attempt(t, test.want)
					good.useTools(t)
					idp.Set(faults{})
				})
			}
			if idp.Hits(upstreamtest.Redirected) != 0 {
				t.Error("a redirect of the provider was followed, with our secret")
			}
			g.loggedIn(t, "user").useTools(t)
			if strings.Contains(g.output.String(), upstreamtest.Marker) {
				t.Error("the provider's own words are in the log")
			}
		})
	}
	t.Run("the user says no there", func(t *testing.T) {
		g, idp := attackBehind(t)
		idp.Set(faults{Deny: true})
		g.attempt(t, "access_denied")
	})
	t.Run("a profile of somebody else", func(t *testing.T) {
		// The ID token lacks the address; userinfo has one, of another person: it does not open the door.
		g, idp := attackBehind(t, "ALLOWED_EMAILS=boss@example.com")
		idp.Set(faults{
			Claims:         func(c map[string]any) { delete(c, "email"); delete(c, "email_verified"); delete(c, "name") },
			UserinfoClaims: func(c map[string]any) { c["sub"], c["email"] = "user-2", "boss@example.com" },
		})
		g.shutOut(t)
	})
	t.Run("discovery names another issuer", func(t *testing.T) {
		g, idp := attackBehind(t)
		idp.Set(faults{Metadata: func(m map[string]any) { m["issuer"] = "https://evil.example" }})
		g.attempt(t, "temporarily_unavailable")
	})
	t.Run("discovery is a page", func(t *testing.T) {
		g, idp := attackBehind(t)
		idp.Set(answer(upstreamtest.Discovery, upstreamtest.HTML))
		g.attempt(t, "temporarily_unavailable")
	})
}

// The provider may start after the server, and go away and come back.
func TestProviderThatIsDownAtStart(t *testing.T) {
	t.Parallel()
	addr := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	g := aim(t, startReplica(t, []string{"OIDC_ISSUER=http://" + addr, "OIDC_CLIENT_ID=relying-party", "OIDC_CLIENT_SECRET=relying party's secret/+:%", "LOG_LEVEL=debug"}))
	if err := healthy(g.base + "/readyz"); err != nil {
		t.Error(err)
	}
	g.attempt(t, "temporarily_unavailable")

	idp, err := upstreamtest.Start(addr)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, "logins work once the provider is up", func() error {
		a := g.app("user")
		a.register(t)
		a.authorize(t)
		if p := a.browser.submit(t, a.consent, "approve"); !strings.HasPrefix(p.header.Get("Location"), g.watch.provider) {
			return fmt.Errorf("%.80s", p.header.Get("Location"))
		}
		return nil
	})
	a := g.loggedIn(t, "user")
	late := g.app("user")
	for _, step := range late.steps()[:4] {
		step.do(t)
	}
	idp.Close()
	a.useTools(t)
	a.refresh(t)
	a.useTools(t)
	p := late.browser.open(t, late.callback.String())
	g.wantRedirect(t, late, reply{p.status, p.header, p.body}, "temporarily_unavailable")
}

// shutOut logs in and wants to be told, on a page, that this account may not.
func (g *target) shutOut(t *testing.T) {
	t.Helper()
	a := g.app("user")
	for _, step := range a.steps()[:4] {
		step.do(t)
	}
	p := a.browser.open(t, a.callback.String())
	g.wantPage(t, reply{p.status, p.header, p.body}, http.StatusForbidden)
	a.expectDenied(t, p.link(a.redirect))
}

// Who may come in is decided by what the provider has proven, and nothing that only looks like it.
func TestWhoMayLogIn(t *testing.T) {
	t.Parallel()
	person := func(email string, verified any) upstreamtest.Faults {
		set := func(c map[string]any) {
			c["email"] = email
			if c["email_verified"] = verified; verified == nil {
				delete(c, "email_verified")
			}
		}
		return upstreamtest.Faults{Claims: set, UserinfoClaims: set}
	}
	for name, test := range map[string]struct {
		setting string
		refused map[string]upstreamtest.Faults
		welcome map[string]upstreamtest.Faults
	}{
		"addresses": {
			"ALLOWED_EMAILS=User@Example.com, other@example.com",
			map[string]upstreamtest.Faults{
				"unverified": person("user@example.com", false), "not said to be verified": person("user@example.com", nil), "verified, as a word": person("user@example.com", "no"),
				"another": person("user2@example.com", true), "with a tail": person("user@example.com.evil.example", true), "with a list": person("user@example.com,x@evil.example", true),
				"a Kelvin sign": person("user@example.com\u212a", true), "white space": person("user@example.com ", true), "none": person("", true),
			},
			map[string]upstreamtest.Faults{"as listed": person("user@example.com", true), "in capitals": person("USER@EXAMPLE.COM", true)},
		},
		"domains": {
			"ALLOWED_EMAIL_DOMAINS=example.com",
			map[string]upstreamtest.Faults{
				"a subdomain": person("user@sub.example.com", true), "a suffix": person("user@notexample.com", true), "in the local part": person("user@example.com@evil.example", true),
				"unverified": person("user@example.com", false), "no local part": person("@example.com", true), "a trailing dot": person("user@example.com.", true),
			},
			map[string]upstreamtest.Faults{"in it": person("anyone@example.com", true)},
		},
		"subjects": {
			"ALLOWED_SUBJECTS=USER-1,user-10",
			map[string]upstreamtest.Faults{"in another case": {}},
			nil,
		},
		"their own subject": {"ALLOWED_SUBJECTS=user-1", nil, map[string]upstreamtest.Faults{"without an address": person("", false)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, idp := attackBehind(t, test.setting)
			for name, who := range test.refused {
				t.Run(name, func(t *testing.T) {
					idp.Set(who)
					g.shutOut(t)
				})
			}
			for name, who := range test.welcome {
				t.Run(name, func(t *testing.T) {
					idp.Set(who)
					g.loggedIn(t, "user").useTools(t)
				})
			}
		})
	}
}

// A thousand forged ID tokens do not turn into a thousand requests for the provider's keys.
func TestForgedTokensDoNotStormTheProvider(t *testing.T) {
	t.Parallel()
	g, idp := attackBehind(t)
	g.loggedIn(t, "user")
	idp.Set(upstreamtest.Faults{Signature: upstreamtest.UnknownKey})
	before := idp.Hits(upstreamtest.Keys)
	for range 20 {
		g.attempt(t, "server_error")
	}
	if asked := idp.Hits(upstreamtest.Keys) - before; asked > 3 {
		t.Errorf("20 forged tokens asked for the keys %d times", asked)
	}
}
