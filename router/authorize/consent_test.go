package authorize_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"mcp-oauth-server/router/upstream/upstreamtest"
)

const csrfName = "__Host-mcp-csrf"

// TestConsentIsRefused: whatever does not come from the page that was shown to
// this browser approves nothing: no redirect, no cookie, no call to the provider.
func TestConsentIsRefused(t *testing.T) {
	form := func(pairs ...string) url.Values {
		v := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			v.Add(pairs[i], pairs[i+1])
		}
		return v
	}
	for name, c := range map[string]struct {
		form    func(ticket string) url.Values
		change  func(b *browser)
		headers []string
		status  int
		title   string
	}{
		"no cookie":              {change: func(b *browser) { b.jar = nil }, status: 403, title: "another browser"},
		"cookie of another":      {change: func(b *browser) { b.jar[0].Value = strings.Repeat("A", 43) }, status: 403, title: "another browser"},
		"cookie is empty":        {change: func(b *browser) { b.jar[0].Value = "" }, status: 403, title: "another browser"},
		"two different cookies":  {change: func(b *browser) { b.jar = append(b.jar, &http.Cookie{Name: csrfName, Value: strings.Repeat("A", 43)}) }, status: 403, title: "another browser"},
		"origin of another site": {headers: []string{"Origin: https://evil.example"}, status: 403, title: "did not come from this server"},
		"origin null":            {headers: []string{"Origin: null"}, status: 403, title: "did not come from this server"},
		"origin http":            {headers: []string{"Origin: http://mcp.example.com"}, status: 403, title: "did not come from this server"},
		"origin twice":           {headers: []string{"Origin: " + public, "Origin: " + public}, status: 403, title: "did not come from this server"},
		"cross-site":             {headers: []string{"Sec-Fetch-Site: cross-site"}, status: 403, title: "did not come from this server"},
		"same-site":              {headers: []string{"Sec-Fetch-Site: same-site"}, status: 403, title: "did not come from this server"},
		"no ticket":              {form: func(string) url.Values { return form("action", "approve") }, status: 400, title: "not valid"},
		"garbage ticket":         {form: func(string) url.Values { return form("action", "approve", "ticket", "x") }, status: 400, title: "not valid"},
		"changed ticket":         {form: func(s string) url.Values { return form("action", "approve", "ticket", s[:len(s)-9]+"AAAAAAAAA") }, status: 400, title: "not valid"},
		"two tickets":            {form: func(s string) url.Values { return form("action", "approve", "ticket", s, "ticket", s) }, status: 400, title: "cannot be read"},
		"no action":              {form: func(s string) url.Values { return form("ticket", s) }, status: 400, title: "cannot be read"},
		"unknown action":         {form: func(s string) url.Values { return form("ticket", s, "action", "Approve") }, status: 400, title: "cannot be read"},
		"both actions":           {form: func(s string) url.Values { return form("ticket", s, "action", "deny", "action", "approve") }, status: 400, title: "cannot be read"},
		"more than 64 KB": {form: func(s string) url.Values {
			return form("ticket", s, "action", "approve", "x", strings.Repeat("x", 64<<10))
		}, status: 400, title: "cannot be read"},
		"as multipart":           {headers: []string{"Content-Type: multipart/form-data; boundary=x"}, status: 400, title: "cannot be read"},
		"ten minutes later":      {change: func(b *browser) { b.h.wait(10 * time.Minute) }, status: 400, title: "has expired"},
		"the day after tomorrow": {change: func(b *browser) { b.h.wait(72 * time.Hour) }, status: 400, title: "Nothing has been approved"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, public)
			b := h.browser()
			ticket := b.authorize(h.request())
			if c.change != nil {
				c.change(b)
			}
			f := url.Values{"ticket": {ticket}, "action": {"approve"}}
			if c.form != nil {
				f = c.form(ticket)
			}
			p := b.post("/consent", f, c.headers...)
			p.isFault(t, c.status, c.title)
			if len(p.Cookies()) > 0 {
				t.Errorf("cookies %v", p.Cookies())
			}
			if n := h.provider.Hits(upstreamtest.Discovery); n != 0 {
				t.Errorf("the provider was asked %d times", n)
			}
		})
	}
}

// post sends a form whose Content-Type a header may replace.
func (b *browser) post(target string, form url.Values, headers ...string) page {
	b.h.t.Helper()
	return b.do("POST", target, form, headers...)
}

// TestConsentFromOurPage: what browsers really send with the form.
func TestConsentFromOurPage(t *testing.T) {
	for _, headers := range [][]string{
		nil, {"Origin: " + public}, {"Origin: " + public, "Sec-Fetch-Site: same-origin"}, {"Sec-Fetch-Site: none"},
	} {
		h := newHouse(t, public)
		b := h.browser()
		if p := b.answer("approve", b.authorize(h.request()), headers...); p.StatusCode != http.StatusSeeOther {
			t.Errorf("%v: status %d", headers, p.StatusCode)
		}
	}
}

// TestDeny: the client is told, and the provider never hears of it.
func TestDeny(t *testing.T) {
	h := newHouse(t, public)
	for _, uri := range []string{webURI, appURI, "http://127.0.0.1:8787/callback"} {
		b := h.browser()
		p := b.answer("deny", b.authorize(h.request("redirect_uri="+uri)))
		p.isRefusal(t, h, uri, "access_denied", "xyz")
		if p.StatusCode != http.StatusSeeOther || len(b.jar) != 1 {
			t.Errorf("status %d, cookies %v", p.StatusCode, b.jar)
		}
	}
	if n := h.provider.Hits(upstreamtest.Discovery); n != 0 {
		t.Errorf("the provider was asked %d times", n)
	}
}

// TestOnlyTheTicketCounts: other fields of the form, and the query, are not read.
func TestOnlyTheTicketCounts(t *testing.T) {
	h := newHouse(t, public)
	b := h.browser()
	p := b.do("POST", "/consent?action=deny&ticket=x", url.Values{
		"ticket": {b.authorize(h.request())}, "action": {"approve"},
		"redirect_uri": {"https://evil.example/"}, "scope": {"admin"}, "client_id": {"evil"}, "resource": {"https://evil.example/"}, "state": {"evil"},
	})
	got := b.get(b.signIn(p.Header.Get("Location"))).answered(t, webURI)
	code := h.code(got.Get("code"))
	if got.Get("state") != "xyz" || code.Scope != "mcp:tools" || code.Resource != public+"/sse" {
		t.Errorf("%v, scope %q, resource %q", got, code.Scope, code.Resource)
	}
}

// TestApprovingTwice: a double click starts two logins of the same browser, each
// with a cookie and a state of its own.
func TestApprovingTwice(t *testing.T) {
	h := newHouse(t, public)
	b := h.browser()
	ticket := b.authorize(h.request())
	first, second := b.answer("approve", ticket).Header.Get("Location"), b.answer("approve", ticket).Header.Get("Location")
	if first == second || len(b.jar) != 3 {
		t.Fatalf("cookies %v", b.jar)
	}
	for _, provider := range []string{first, second} {
		if got := b.get(b.signIn(provider)).answered(t, webURI); got.Get("code") == "" {
			t.Errorf("%v", got)
		}
	}
}

// TestProviderDownAtConsent: the client is waiting and its address is proven, so
// it is told; the user can try again from there.
func TestProviderDownAtConsent(t *testing.T) {
	for answer, code := range map[upstreamtest.Answer]string{
		upstreamtest.Reset: "temporarily_unavailable", upstreamtest.Status500: "temporarily_unavailable", upstreamtest.HTML: "temporarily_unavailable",
	} {
		h := newHouse(t, public)
		h.provider.Set(upstreamtest.Faults{Answers: map[upstreamtest.Endpoint]upstreamtest.Answer{upstreamtest.Discovery: answer}})
		b := h.browser()
		p := b.answer("approve", b.authorize(h.request()))
		p.isRefusal(t, h, webURI, code, "xyz")
		if len(b.jar) != 1 {
			t.Errorf("%s: cookies %v", answer, b.jar)
		}
	}
}
