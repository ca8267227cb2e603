package grant_test

import (
	"strings"
	"testing"
	"time"

	"mcp-oauth-server/crypto/artifact"
)

// login returns the first refresh token of a fresh login.
func (w *world) login(t testing.TB, edit func(*artifact.AuthorizationCode)) string {
	t.Helper()
	return w.post(t, w.codeForm(w.code(t, edit))).ok(t).text("refresh_token")
}

func TestRefreshRotates(t *testing.T) {
	w := newWorld(t)
	token := w.login(t, nil)
	first := w.openRefresh(t, token)
	for generation := 2; generation < 6; generation++ {
		w.clock.Advance(24 * time.Hour)
		a := w.post(t, w.refreshForm(token)).ok(t)
		if a.text("refresh_token") == token || a.body["expires_in"] != 600.0 {
			t.Fatalf("generation %d: %s", generation, a.raw)
		}
		token = a.text("refresh_token")
		r, access := w.openRefresh(t, token), w.openAccess(t, a.text("access_token"))
		if r.Generation != generation || r.Family != first.Family || access.Family != first.Family || r.FamilyExpires != first.FamilyExpires {
			t.Errorf("generation %d: got %d, family or its end changed", generation, r.Generation)
		}
		if access.Subject != "subject-of-alice" || access.Audience != resource || access.Client != first.Client || access.Scope != "mcp:tools" {
			t.Errorf("generation %d: another user, audience, client or scope", generation)
		}
	}
}

// The limits are those of decisions about a login: seven days without use,
// thirty days whatever the use.
func TestRefreshTokensExpire(t *testing.T) {
	w := newWorld(t)
	idle, kept := w.login(t, nil), w.login(t, nil)
	w.clock.Advance(lifetimes.Idle - time.Second)
	kept = w.post(t, w.refreshForm(kept)).ok(t).text("refresh_token")
	w.clock.Advance(time.Second)
	if a := w.post(t, w.refreshForm(idle)).refused(t, 400, "invalid_grant"); !strings.Contains(a.text("error_description"), "expired") {
		t.Errorf("description %q", a.text("error_description"))
	}
	for used := lifetimes.Idle; used+24*time.Hour < lifetimes.Session; used += 24 * time.Hour {
		w.clock.Advance(24 * time.Hour)
		kept = w.post(t, w.refreshForm(kept)).ok(t).text("refresh_token")
	}
	w.clock.Advance(24 * time.Hour)
	w.post(t, w.refreshForm(kept)).refused(t, 400, "invalid_grant")
}

func TestTheFamilysEndCapsTheAccessToken(t *testing.T) {
	life := lifetimes
	life.Session = 25 * time.Minute
	w := newWorldWith(t, life)
	token := w.login(t, nil)
	w.clock.Advance(20 * time.Minute)
	a := w.post(t, w.refreshForm(token)).ok(t)
	if a.body["expires_in"] != 300.0 {
		t.Errorf("expires_in %v", a.body["expires_in"])
	}
	if access := w.openAccess(t, a.text("access_token")); access.Expires != w.clock.Now().Unix()+300 {
		t.Errorf("exp is in %d seconds", access.Expires-w.clock.Now().Unix())
	}
	w.clock.Advance(5 * time.Minute)
	w.post(t, w.refreshForm(a.text("refresh_token"))).refused(t, 400, "invalid_grant")
}

func TestScopeIsNarrowedNeverWidened(t *testing.T) {
	w := newWorld(t)
	token := w.login(t, func(c *artifact.AuthorizationCode) { c.Scope = "mcp:tools other" })
	for _, c := range []struct{ asked, want string }{
		{"", "mcp:tools other"}, {"mcp:tools", "mcp:tools"}, {"other admin", "other"}, {"admin", "mcp:tools other"}, {"mcp:tools other admin", "mcp:tools other"},
	} {
		a := w.post(t, w.refreshForm(token, "scope", c.asked)).ok(t)
		if a.text("scope") != c.want || w.openAccess(t, a.text("access_token")).Scope != c.want {
			t.Errorf("asked %q, got %q", c.asked, a.text("scope"))
		}
		// The next one has the whole grant again (RFC 6749 §6).
		token = a.text("refresh_token")
		if got := w.openRefresh(t, token).Scope; got != "mcp:tools other" {
			t.Errorf("asked %q, the next refresh token has %q", c.asked, got)
		}
	}
}

func TestRefusedRefreshes(t *testing.T) {
	w := newWorld(t)
	code := w.code(t, nil)
	tokens := w.post(t, w.codeForm(w.code(t, nil))).ok(t)
	token := tokens.text("refresh_token")
	other := w.client(t, artifact.ClientRegistration{Name: "An app"})
	for _, c := range []struct {
		name    string
		token   string
		changes []string
		status  int
		err     string
	}{
		{"missing", "", nil, 400, "invalid_request"},
		{"garbage", "x", nil, 400, "invalid_grant"},
		{"truncated", token[:len(token)-1], nil, 400, "invalid_grant"},
		{"padded", token + "=", nil, 400, "invalid_grant"},
		{"a code", code, nil, 400, "invalid_grant"},
		{"the access token", tokens.text("access_token"), nil, 400, "invalid_grant"},
		{"the client_id", w.clientID, nil, 400, "invalid_grant"},
		{"another server's", newWorld(t).login(t, nil), nil, 400, "invalid_grant"},
		{"another client", token, []string{"client_id", other}, 400, "invalid_grant"},
		{"unknown client", token, []string{"client_id", "x"}, 401, "invalid_client"},
		{"client missing", token, []string{"client_id", "-"}, 401, "invalid_client"},
		{"a secret", token, []string{"client_secret", "x"}, 401, "invalid_client"},
		{"other resource", token, []string{"resource", "https://evil.example/sse"}, 400, "invalid_target"},
		{"other path", token, []string{"resource", siteURL + "/mcp"}, 400, "invalid_target"},
		{"too long", strings.Repeat("a", 9<<10), nil, 400, "invalid_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.post(t, w.refreshForm(c.token, c.changes...)).refused(t, c.status, c.err)
		})
	}
	for name, changes := range map[string][]string{"with resource": {"resource", resource}, "without": nil, "other loopback name": {"resource", "http://[::1]:8080/sse"}, "scope repeated": {"scope", "mcp:tools offline_access"}} {
		t.Run(name, func(t *testing.T) { w.post(t, w.refreshForm(token, changes...)).ok(t) })
	}
}

func TestEveryChangedByteOfARefreshTokenIsRefused(t *testing.T) {
	w := newWorld(t)
	token := w.login(t, nil)
	for i := range len(token) {
		changed := []byte(token)
		changed[i] ^= 1
		if a := w.post(t, w.refreshForm(string(changed))); a.status != 400 || a.body["error"] != "invalid_grant" {
			t.Fatalf("byte %d: %d %s", i, a.status, a.raw)
		}
	}
}

// A refresh needs no guard: it works on while the guard is out of reach.
func TestRefreshNeedsNoGuard(t *testing.T) {
	w := newWorld(t)
	token := w.login(t, nil)
	w.guard.down = true
	w.post(t, w.refreshForm(token)).ok(t)
}
