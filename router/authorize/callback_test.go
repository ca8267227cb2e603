package authorize_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"mcp-oauth-server/router/authorize"
	"mcp-oauth-server/router/upstream/upstreamtest"
)

// TestCallbackInAnotherBrowser is the confused deputy (CVE-2026-27124): an
// attacker approves in his own browser and has the victim finish the login. The
// victim's browser has no cookie of that login, so no code comes out of it, the
// provider's code is not spent, and the attacker's own login is not consumed.
func TestCallbackInAnotherBrowser(t *testing.T) {
	h := newHouse(t, public)
	attacker, victim := h.browser(), h.browser()
	callback := attacker.signIn(attacker.approve(h.request()))

	victim.get(callback).isFault(t, http.StatusBadRequest, "not started in this browser")
	victim.approve(h.request()) // the victim has a login of her own under way
	p := victim.get(callback)
	p.isFault(t, http.StatusBadRequest, "not started in this browser")
	victim.jar[1].Name = attacker.jar[1].Name // or even a cookie of that name
	victim.get(callback).isFault(t, http.StatusBadRequest, "not started in this browser")
	if h.provider.Hits(upstreamtest.Token) != 0 || len(p.Cookies()) != 0 {
		t.Error("the provider was asked, or a cookie was touched")
	}
	if got := attacker.get(callback).answered(t, webURI); got.Get("code") == "" {
		t.Errorf("the login was consumed: %v", got)
	}
}

// TestCallbackFaults: without a state of ours there is nobody to redirect to.
func TestCallbackFaults(t *testing.T) {
	h := newHouse(t, public)
	for name, c := range map[string]struct {
		query func(good url.Values) string
		wait  time.Duration
		title string
	}{
		"nothing":       {query: func(url.Values) string { return "" }, title: "did not start here"},
		"no state":      {query: func(q url.Values) string { q.Del("state"); return q.Encode() }, title: "did not start here"},
		"garbage state": {query: func(q url.Values) string { q.Set("state", "x"); return q.Encode() }, title: "did not start here"},
		"changed state": {query: func(q url.Values) string { q.Set("state", q.Get("state")+"A"); return q.Encode() }, title: "did not start here"},
		"unsigned state": {query: func(q url.Values) string {
			q.Set("state", "ZXZpbHxodHRwczovL2V2aWwuZXhhbXBsZXx4fHk")
			return q.Encode()
		}, title: "did not start here"},
		"error without state":    {query: func(url.Values) string { return "error=access_denied" }, title: "did not start here"},
		"error with bad state":   {query: func(url.Values) string { return "error=access_denied&state=x" }, title: "did not start here"},
		"two codes":              {query: func(q url.Values) string { return q.Encode() + "&code=x" }, title: "cannot be read"},
		"two states":             {query: func(q url.Values) string { return q.Encode() + "&state=x" }, title: "cannot be read"},
		"two issuers":            {query: func(q url.Values) string { return q.Encode() + "&iss=x" }, title: "cannot be read"},
		"two errors":             {query: func(q url.Values) string { return q.Encode() + "&error=a&error=b" }, title: "cannot be read"},
		"more than 16 KB":        {query: func(q url.Values) string { return q.Encode() + "&x=" + strings.Repeat("x", 16<<10) }, title: "cannot be read"},
		"bad encoding":           {query: func(q url.Values) string { return q.Encode() + "&x=%f" }, title: "cannot be read"},
		"ten minutes later":      {query: url.Values.Encode, wait: 10 * time.Minute, title: "took too long"},
		"the day after tomorrow": {query: url.Values.Encode, wait: 72 * time.Hour, title: "Nobody has been signed in"},
	} {
		t.Run(name, func(t *testing.T) {
			b := h.browser()
			callback, err := url.Parse(b.signIn(b.approve(h.request())))
			must(t, err)
			h.wait(c.wait)
			before := h.provider.Hits(upstreamtest.Token)
			p := b.get("/callback?" + c.query(callback.Query()))
			p.isFault(t, http.StatusBadRequest, c.title)
			if len(p.Cookies()) != 0 || h.provider.Hits(upstreamtest.Token) != before {
				t.Error("a cookie was touched, or the provider asked")
			}
		})
	}
}

// TestCallbackReplay: a callback URL works once in a browser, and a copied cookie
// does not make it work again, because the provider's code is spent.
func TestCallbackReplay(t *testing.T) {
	h := newHouse(t, public)
	b := h.browser()
	callback := b.signIn(b.approve(h.request()))
	thief := h.browser()
	thief.jar = append(thief.jar, b.jar...)
	if got := b.get(callback).answered(t, webURI); got.Get("code") == "" {
		t.Fatal(got)
	}
	b.get(callback).isFault(t, http.StatusBadRequest, "already over")
	thief.get(callback).isRefusal(t, h, webURI, "server_error", "xyz")
}

// TestProviderErrors: what the provider reports is relayed by meaning; its text
// is not repeated, and the login is over.
func TestProviderErrors(t *testing.T) {
	h := newHouse(t, public)
	for reported, code := range map[string]string{
		"access_denied": "access_denied", "login_required": "login_required", "interaction_required": "interaction_required",
		"consent_required": "consent_required", "temporarily_unavailable": "temporarily_unavailable", "server_error": "server_error",
		"invalid_scope": "server_error", "unauthorized_client": "server_error", "<script>": "server_error", "": "server_error",
		"x\r\nSet-Cookie: a=b": "server_error",
	} {
		for _, withCode := range []string{"", "&code=x"} {
			b := h.browser()
			callback, err := url.Parse(b.signIn(b.approve(h.request())))
			must(t, err)
			q := url.Values{"state": {callback.Query().Get("state")}, "error": {reported}, "error_description": {"<b>PROVIDERTEXT</b>\r\n"}}
			p := b.get("/callback?" + q.Encode() + withCode)
			p.isRefusal(t, h, webURI, code, "xyz")
			if strings.Contains(p.Header.Get("Location"), "PROVIDERTEXT") || len(b.jar) != 1 {
				t.Errorf("%s: location %q, cookies %v", reported, p.Header.Get("Location"), b.jar)
			}
		}
	}
	if n := h.provider.Hits(upstreamtest.Token); n != 0 {
		t.Errorf("the provider was asked %d times", n)
	}
}

// TestUserRefusesAtProvider is the same from end to end.
func TestUserRefusesAtProvider(t *testing.T) {
	h := newHouse(t, public)
	h.provider.Set(upstreamtest.Faults{Deny: true})
	h.browser().login(h.request()).isRefusal(t, h, webURI, "access_denied", "xyz")
}

// TestMixUp: an answer that names another issuer is not redeemed (RFC 9207).
func TestMixUp(t *testing.T) {
	h := newHouse(t, public)
	b := h.browser()
	callback, err := url.Parse(b.signIn(b.approve(h.request())))
	must(t, err)
	q := callback.Query()
	q.Set("iss", "https://evil.example")
	b.get("/callback?"+q.Encode()).isRefusal(t, h, webURI, "server_error", "xyz")
	if n := h.provider.Hits(upstreamtest.Token); n != 0 {
		t.Errorf("the code was sent %d times", n)
	}
}

// TestCodeOfAnotherLogin: a code of one login is no good in another one, even of
// the same browser: nonce and verifier belong to the state (code injection).
func TestCodeOfAnotherLogin(t *testing.T) {
	h := newHouse(t, public)
	b := h.browser()
	first, err := url.Parse(b.signIn(b.approve(h.request("state=first"))))
	must(t, err)
	second, err := url.Parse(b.signIn(b.approve(h.request("state=second"))))
	must(t, err)
	q := first.Query()
	q.Set("code", second.Query().Get("code"))
	b.get("/callback?"+q.Encode()).isRefusal(t, h, webURI, "server_error", "first")
}

// TestProviderFails: nobody is signed in, the client is told, and the provider's
// words are in no answer and no log.
func TestProviderFails(t *testing.T) {
	for name, c := range map[string]struct {
		faults upstreamtest.Faults
		code   string
	}{
		"token endpoint cut":   {upstreamtest.Faults{Answers: map[upstreamtest.Endpoint]upstreamtest.Answer{upstreamtest.Token: upstreamtest.Reset}}, "temporarily_unavailable"},
		"token endpoint 503":   {upstreamtest.Faults{Answers: map[upstreamtest.Endpoint]upstreamtest.Answer{upstreamtest.Token: upstreamtest.Status503}}, "temporarily_unavailable"},
		"token endpoint HTML":  {upstreamtest.Faults{Answers: map[upstreamtest.Endpoint]upstreamtest.Answer{upstreamtest.Token: upstreamtest.HTML}}, "server_error"},
		"invalid_grant":        {upstreamtest.Faults{Answers: map[upstreamtest.Endpoint]upstreamtest.Answer{upstreamtest.Token: upstreamtest.Grant400}}, "server_error"},
		"no ID token":          {upstreamtest.Faults{NoIDToken: true}, "server_error"},
		"signed by a stranger": {upstreamtest.Faults{Signature: upstreamtest.WrongKey}, "server_error"},
		"not signed":           {upstreamtest.Faults{Signature: upstreamtest.AlgNone}, "server_error"},
		"wrong nonce":          {upstreamtest.Faults{Claims: func(c map[string]any) { c["nonce"] = "x" }}, "server_error"},
		"wrong audience":       {upstreamtest.Faults{Claims: func(c map[string]any) { c["aud"] = "x" }}, "server_error"},
		"wrong issuer":         {upstreamtest.Faults{Claims: func(c map[string]any) { c["iss"] = "https://evil.example" }}, "server_error"},
		"no subject":           {upstreamtest.Faults{Claims: func(c map[string]any) { delete(c, "sub") }}, "server_error"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, public)
			h.provider.Set(c.faults)
			b := h.browser()
			p := b.login(h.request())
			p.isRefusal(t, h, webURI, c.code, "xyz")
			if len(b.jar) != 1 || strings.Contains(p.Header.Get("Location")+h.logs.String(), upstreamtest.Marker) {
				t.Errorf("cookies %v, location %q, log %s", b.jar, p.Header.Get("Location"), h.logs)
			}
		})
	}
}

// TestUnwelcomeUser reads why on a page, and can let the waiting client know.
func TestUnwelcomeUser(t *testing.T) {
	for _, uri := range []string{webURI, appURI} {
		h := newHouse(t, public)
		h.room.Policy = authorize.Policy{Emails: []string{"somebody@else.example"}}
		b := h.browser()
		p := b.login(h.request("redirect_uri=" + uri))
		p.isFault(t, http.StatusForbidden, "has no access")
		if !strings.Contains(p.text(), "login.example.com") || !strings.Contains(p.text(), "@") || len(b.jar) != 1 {
			t.Errorf("cookies %v\n%s", b.jar, p.text())
		}
		back := page{Response: &http.Response{Header: http.Header{"Location": {link(p)}}}}.answered(t, uri)
		if back.Get("error") != "access_denied" || back.Get("state") != "xyz" || back.Get("iss") != public || back.Has("code") {
			t.Errorf("back to the client: %v", back)
		}
	}
}

func link(p page) string {
	for n := range parse(p.body).Descendants() {
		if n.Data == "a" {
			return attribute(n, "href")
		}
	}
	return ""
}

// TestFormPost: a provider that answers by POST is brought to the GET, where the
// cookie is; the POST itself needs none and does nothing.
func TestFormPost(t *testing.T) {
	h := newHouse(t, public)
	b := h.browser()
	callback, err := url.Parse(b.signIn(b.approve(h.request())))
	must(t, err)
	form := callback.Query()
	form.Set("session_state", "not ours")

	crossSite := h.browser() // a Lax cookie is not on a POST from another site
	p := crossSite.do("POST", "/callback", form, "Origin: https://login.example.com", "Sec-Fetch-Site: cross-site")
	location := p.Header.Get("Location")
	if p.StatusCode != http.StatusSeeOther || !strings.HasPrefix(location, public+"/callback?code=") || strings.Contains(location, "session_state") || len(p.Cookies()) != 0 {
		t.Fatalf("status %d, location %q", p.StatusCode, location)
	}
	if h.provider.Hits(upstreamtest.Token) != 0 {
		t.Error("the POST was processed")
	}
	if got := b.get(location).answered(t, webURI); got.Get("code") == "" || got.Get("state") != "xyz" {
		t.Error(got)
	}
}

func TestFormPostFaults(t *testing.T) {
	h := newHouse(t, public)
	for name, form := range map[string]url.Values{
		"two codes":         {"code": {"a", "b"}, "state": {"x"}},
		"two states":        {"state": {"a", "b"}},
		"more than 64 KB":   {"x": {strings.Repeat("x", 64<<10)}},
		"code of 15 KB":     {"code": {strings.Repeat("x", 15<<10)}, "state": {"x"}},
		"grows by encoding": {"code": {strings.Repeat("/", 6<<10)}, "state": {"x"}},
	} {
		t.Run(name, func(t *testing.T) {
			h.browser().do("POST", "/callback", form).isFault(t, http.StatusBadRequest, "cannot be read")
		})
	}
	h.browser().do("POST", "/callback", url.Values{"code": {"x"}}, "Content-Type: application/json").isFault(t, http.StatusBadRequest, "cannot be read")
}
