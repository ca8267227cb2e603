package authorize_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestCookies: which cookie appears when, and how it is protected.
func TestCookies(t *testing.T) {
	for serverURL, want := range map[string]struct {
		prefix string
		secure bool
	}{public: {"__Host-", true}, local: {"", false}} {
		h := newHouse(t, serverURL)
		b := h.browser()
		p := b.get("/authorize?" + h.request().Encode())
		if len(p.Cookies()) != 1 || p.Cookies()[0].Name != want.prefix+"mcp-csrf" {
			t.Fatalf("before approval: %v", p.Header["Set-Cookie"])
		}
		approved := b.answer("approve", p.field("ticket"))
		if len(approved.Cookies()) != 1 || !regexp.MustCompile("^"+want.prefix+"mcp-flow-[0-9a-f]{8}$").MatchString(approved.Cookies()[0].Name) {
			t.Fatalf("at approval: %v", approved.Header["Set-Cookie"])
		}
		for _, c := range append(p.Cookies(), approved.Cookies()...) {
			if c.Secure != want.secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge < 1 || c.MaxAge > 600 || len(c.Value) != 43 {
				t.Errorf("%s", c.Raw)
			}
		}
		done := b.get(b.signIn(approved.Header.Get("Location")))
		if c := done.Cookies(); len(c) != 1 || c[0].Name != approved.Cookies()[0].Name || c[0].MaxAge != -1 || c[0].Secure != want.secure {
			t.Errorf("at the callback: %v", done.Header["Set-Cookie"])
		}
	}
}

// TestCSRFCookieIsKept: a second tab must not invalidate the form of the first.
// One that we cannot have made is replaced.
func TestCSRFCookieIsKept(t *testing.T) {
	h := newHouse(t, public)
	b := h.browser()
	b.authorize(h.request())
	first := b.jar[0].Value
	b.authorize(h.request())
	if b.jar[0].Value != first {
		t.Error("the cookie was replaced")
	}
	for _, bad := range []string{"", "short", strings.Repeat("A", 44), strings.Repeat("!", 43)} {
		b.jar[0].Value = bad
		b.authorize(h.request())
		if got := b.jar[0].Value; got == bad || len(got) != 43 {
			t.Errorf("%q became %q", bad, got)
		}
	}
}

// TestPlantedCookies: two cookies of one name and different values mean that
// somebody else set one of them.
func TestPlantedCookies(t *testing.T) {
	h := newHouse(t, local)
	b := h.browser()
	ticket := b.authorize(h.request())
	b.jar = append(b.jar, &http.Cookie{Name: "mcp-csrf", Value: b.jar[0].Value})
	callback := b.signIn(b.answer("approve", ticket).Header.Get("Location"))

	flow := b.jar[len(b.jar)-1]
	b.jar = append(b.jar, &http.Cookie{Name: flow.Name, Value: strings.Repeat("A", 43)})
	b.get(callback).isFault(t, http.StatusBadRequest, "contradictory cookies")

	b.jar = []*http.Cookie{{Name: "mcp-csrf", Value: strings.Repeat("A", 43)}, {Name: "mcp-csrf", Value: strings.Repeat("B", 43)}}
	b.get("/authorize?"+h.request().Encode()).isFault(t, http.StatusBadRequest, "contradictory cookies")
}

// TestFiveFlows: sixty tabs do not fill the Cookie header; the newest logins are
// the ones that can be finished.
func TestFiveFlows(t *testing.T) {
	h := newHouse(t, public)
	b := h.browser()
	var callbacks []string
	for i := range 60 {
		callbacks = append(callbacks, b.signIn(b.approve(h.request(fmt.Sprintf("state=%d", i)))))
		if len(b.jar) > 6 {
			t.Fatalf("%d cookies", len(b.jar))
		}
	}
	b.get(callbacks[54]).isFault(t, http.StatusBadRequest, "not started in this browser")
	for i := 59; i > 54; i-- {
		if got := b.get(callbacks[i]).answered(t, webURI); got.Get("state") != fmt.Sprint(i) || got.Get("code") == "" {
			t.Errorf("%d: %v", i, got)
		}
	}
}
