package authorize_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/router/upstream/upstreamtest"
)

// TestEachLoginHasItsOwnSecrets: nonce, PKCE challenge and state are never the
// same twice, and one tells nothing of the other.
func TestEachLoginHasItsOwnSecrets(t *testing.T) {
	h := newHouse(t, public)
	seen := map[string]bool{}
	b := h.browser()
	ticket := b.authorize(h.request())
	for range 3 {
		u, err := url.Parse(b.answer("approve", ticket).Header.Get("Location"))
		must(t, err)
		for _, name := range []string{"nonce", "code_challenge", "state"} {
			if v := u.Query().Get(name); seen[v] {
				t.Errorf("%s %q again", name, v)
			} else {
				seen[v] = true
			}
		}
	}
}

// TestLongStateBelongsToItsLogin: the part of a client's state that travels in
// the cookie cannot be taken from another login, left out or added.
func TestLongStateBelongsToItsLogin(t *testing.T) {
	h := newHouse(t, public)
	long := strings.Repeat("s", 1500)
	start := func(state string) (b *browser, callback, binding, sealed string) {
		b = h.browser()
		callback = b.signIn(b.approve(h.request("state=" + state)))
		binding, sealed, _ = strings.Cut(b.jar[1].Value, ".")
		return b, callback, binding, sealed
	}
	_, _, _, ofAnother := start(long + "another")
	for name, c := range map[string]struct {
		state  string
		cookie func(binding, sealed string) string
	}{
		"of another login":      {long, func(binding, _ string) string { return binding + "." + ofAnother }},
		"left out":              {long, func(binding, _ string) string { return binding }},
		"left out but the dot":  {long, func(binding, _ string) string { return binding + "." }},
		"changed":               {long, func(binding, sealed string) string { return binding + "." + sealed[:len(sealed)-9] + "AAAAAAAAA" }},
		"without its binding":   {long, func(_, sealed string) string { return sealed }},
		"added to a short one":  {"short", func(binding, _ string) string { return binding + "." + ofAnother }},
		"a dot to a short one":  {"short", func(binding, _ string) string { return binding + "." }},
		"binding of other text": {"short", func(binding, _ string) string { return binding[:42] + "." }},
	} {
		t.Run(name, func(t *testing.T) {
			b, callback, binding, sealed := start(c.state)
			b.jar[1].Value = c.cookie(binding, sealed)
			b.get(callback).isFault(t, http.StatusBadRequest, "not started in this browser")
		})
	}
	if n := h.provider.Hits(upstreamtest.Token); n != 0 {
		t.Errorf("the provider was asked %d times", n)
	}
}

// TestTooManyFlowCookies: however many there are, the oldest go until four are
// left beside the new one.
func TestTooManyFlowCookies(t *testing.T) {
	h := newHouse(t, public)
	b := h.browser()
	for _, id := range []string{"00000001", "00000002", "00000003", "00000004", "00000005", "00000006", "00000007"} {
		b.jar = append(b.jar, &http.Cookie{Name: "__Host-mcp-flow-" + id, Value: "x"})
	}
	b.approve(h.request())
	var names []string
	for _, c := range b.jar {
		if id, ok := strings.CutPrefix(c.Name, "__Host-mcp-flow-"); ok {
			names = append(names, id)
		}
	}
	if len(names) != 5 || strings.Join(names[:4], " ") != "00000004 00000005 00000006 00000007" {
		t.Errorf("left: %v", names)
	}
}

// TestSubject: a user is issuer and sub at the provider. An e-mail address
// changes hands, so it makes no difference.
func TestSubject(t *testing.T) {
	h := newHouse(t, public)
	subject := func(sub, email string) string {
		h.provider.Set(upstreamtest.Faults{Claims: func(c map[string]any) { c["sub"], c["email"] = sub, email }})
		return h.code(h.browser().login(h.request()).answered(t, webURI).Get("code")).Subject
	}
	alice := subject("42", "alice@example.com")
	if want := string(artifact.DigestOf(h.provider.Issuer + "\n42")); alice != want {
		t.Errorf("subject %q, want %q", alice, want)
	}
	if subject("42", "married@example.com") != alice {
		t.Error("another address made another user")
	}
	if subject("43", "alice@example.com") == alice {
		t.Error("the next owner of an address is taken for the former one")
	}
}

// TestNoRefreshTravels: a client that did not register for refresh tokens gets a
// code that says so.
func TestNoRefreshTravels(t *testing.T) {
	h := newHouse(t, public)
	for _, noRefresh := range []bool{true, false} {
		id, err := artifact.NewSealer[artifact.ClientRegistration](h.vault).Seal(artifact.ClientRegistration{RedirectURIs: []string{webURI}, NoRefresh: noRefresh})
		must(t, err)
		code := h.code(h.browser().login(h.request("client_id="+id)).answered(t, webURI).Get("code"))
		if code.NoRefresh != noRefresh {
			t.Errorf("registered %v, the code says %v", noRefresh, code.NoRefresh)
		}
	}
}
