package grant_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/router/oauth"
)

func TestCodeBuysTokens(t *testing.T) {
	w := newWorld(t)
	code := w.code(t, nil)
	a := w.post(t, w.codeForm(code)).ok(t)
	if a.body["expires_in"] != 600.0 || a.text("scope") != "mcp:tools" || a.text("refresh_token") == "" {
		t.Errorf("answer %s", a.raw)
	}
	access := w.openAccess(t, a.text("access_token"))
	now := w.clock.Now().Unix()
	for name, equal := range map[string]bool{
		"iss": access.Issuer == siteURL, "aud": access.Audience == resource, "sub": access.Subject == "subject-of-alice",
		"client_id": access.Client == artifact.DigestOf(w.clientID), "scope": access.Scope == "mcp:tools",
		"iat": access.IssuedAt == now, "exp": access.Expires == now+600, "jti": access.ID != "", "sid": access.Family != "",
		"no email": access.Email == "" && access.Name == "",
	} {
		if !equal {
			t.Errorf("%s of the access token is wrong", name)
		}
	}
	refresh := w.openRefresh(t, a.text("refresh_token"))
	if refresh.Family != access.Family || refresh.Generation != 1 || refresh.FamilyExpires != now+int64(lifetimes.Session.Seconds()) || refresh.Resource != resource {
		t.Error("the refresh token is of another family, generation, age or resource")
	}
	if sub := access.Subject; sub == string(access.Client) {
		t.Error("the user is the client")
	}
}

func TestSizesKeepTheirBudgets(t *testing.T) {
	w := newWorld(t)
	code := w.code(t, func(c *artifact.AuthorizationCode) { c.Subject = string(artifact.DigestOf("a subject")) })
	a := w.post(t, w.codeForm(code)).ok(t)
	for name, size := range map[string][2]int{
		"code": {len(code), 900}, "access_token": {len(a.text("access_token")), 800}, "refresh_token": {len(a.text("refresh_token")), 420},
	} {
		t.Logf("%s: %d characters", name, size[0])
		if size[0] > size[1] {
			t.Errorf("%s has %d characters, budget %d", name, size[0], size[1])
		}
	}
}

func TestEmailAndNameRideAlong(t *testing.T) {
	w := newWorld(t)
	user := artifact.User{Subject: "s", Email: "alice@example.com", Name: "Alice"}
	a := w.post(t, w.codeForm(w.code(t, func(c *artifact.AuthorizationCode) { c.User = user }))).ok(t)
	b := w.post(t, w.refreshForm(a.text("refresh_token"))).ok(t)
	for _, token := range []string{a.text("access_token"), b.text("access_token")} {
		if got := w.openAccess(t, token).User; got != user {
			t.Errorf("user %+v", got)
		}
	}
}

func TestTheIssuerIsSpelledAsTheAudience(t *testing.T) {
	w := newWorld(t)
	for _, base := range []string{"http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080"} {
		for _, path := range []string{"/sse", "/mcp"} {
			code := w.code(t, func(c *artifact.AuthorizationCode) { c.Resource = base + path })
			a := w.post(t, w.codeForm(code, "resource", base+path)).ok(t)
			if access := w.openAccess(t, a.text("access_token")); access.Issuer != base || access.Audience != base+path {
				t.Errorf("%s%s: iss %s, aud %s", base, path, access.Issuer, access.Audience)
			}
		}
	}
}

func TestCodeWorksOnce(t *testing.T) {
	w := newWorld(t)
	code := w.code(t, nil)
	w.post(t, w.codeForm(code)).ok(t)
	w.post(t, w.codeForm(code)).refused(t, 400, "invalid_grant")
	w.clock.Advance(30 * time.Second)
	w.post(t, w.codeForm(code)).refused(t, 400, "invalid_grant")
}

func TestCodeWorksOnceInARace(t *testing.T) {
	w := newWorld(t)
	form := w.codeForm(w.code(t, nil))
	answers := make([]answer, 50)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i] = w.post(t, form) })
	}
	wg.Wait()
	won := 0
	for _, a := range answers {
		if a.status == 200 {
			won++
			continue
		}
		a.refused(t, 400, "invalid_grant")
	}
	if won != 1 {
		t.Errorf("%d of %d redemptions won", won, len(answers))
	}
}

// Every wrong request is refused with its error, and afterwards the code is
// still good for its owner: nothing but a correct request spends it.
func TestWrongRequestsDoNotBurnTheCode(t *testing.T) {
	w := newWorld(t)
	other := w.client(t, artifact.ClientRegistration{Name: "An app"}) // a twin, alike in all it says
	for _, c := range []struct {
		name    string
		changes []string
		status  int
		err     string
	}{
		{"verifier missing", []string{"code_verifier", "-"}, 400, "invalid_request"},
		{"verifier empty", []string{"code_verifier", ""}, 400, "invalid_request"},
		{"verifier of another", []string{"code_verifier", strings.Repeat("a", 43)}, 400, "invalid_grant"},
		{"challenge as verifier", []string{"code_verifier", challenge}, 400, "invalid_grant"},
		{"verifier of 42", []string{"code_verifier", verifier[:42]}, 400, "invalid_request"},
		{"verifier of 129", []string{"code_verifier", strings.Repeat("a", 129)}, 400, "invalid_request"},
		{"verifier with plus", []string{"code_verifier", "+" + verifier[1:]}, 400, "invalid_request"},
		{"verifier with padding", []string{"code_verifier", verifier + "="}, 400, "invalid_request"},
		{"verifier with NUL", []string{"code_verifier", verifier + "\x00"}, 400, "invalid_request"},
		{"verifier with a line break", []string{"code_verifier", verifier + "\n"}, 400, "invalid_request"},
		{"verifier beyond ASCII", []string{"code_verifier", verifier + "é"}, 400, "invalid_request"},
		{"another client", []string{"client_id", other}, 400, "invalid_grant"},
		{"unknown client", []string{"client_id", "x"}, 401, "invalid_client"},
		{"client missing", []string{"client_id", "-"}, 401, "invalid_client"},
		{"a secret", []string{"client_secret", "s3cret"}, 401, "invalid_client"},
		{"other redirect URI", []string{"redirect_uri", "http://localhost:8788/callback"}, 400, "invalid_grant"},
		{"other registered redirect URI", []string{"redirect_uri", "https://app.example/cb"}, 400, "invalid_grant"},
		{"redirect URI with a slash more", []string{"redirect_uri", redirectURI + "/"}, 400, "invalid_grant"},
		{"other server", []string{"resource", "https://evil.example/sse"}, 400, "invalid_target"},
		{"other path", []string{"resource", siteURL + "/mcp"}, 400, "invalid_target"},
		{"relative resource", []string{"resource", "/sse"}, 400, "invalid_target"},
		{"resource with fragment", []string{"resource", resource + "#x"}, 400, "invalid_target"},
		{"grant type missing", []string{"grant_type", "-"}, 400, "invalid_request"},
		{"grant type of another case", []string{"grant_type", "Authorization_Code"}, 400, "unsupported_grant_type"},
		{"password", []string{"grant_type", "password"}, 400, "unsupported_grant_type"},
		{"client_credentials", []string{"grant_type", "client_credentials"}, 400, "unsupported_grant_type"},
		{"implicit", []string{"grant_type", "implicit"}, 400, "unsupported_grant_type"},
		{"jwt-bearer", []string{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"}, 400, "unsupported_grant_type"},
		{"device", []string{"grant_type", "urn:ietf:params:oauth:grant-type:device_code"}, 400, "unsupported_grant_type"},
		{"as refresh token", []string{"grant_type", "refresh_token"}, 400, "invalid_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code := w.code(t, nil)
			w.post(t, w.codeForm(code, c.changes...)).refused(t, c.status, c.err)
			w.post(t, w.codeForm(code)).ok(t)
		})
	}
}

func TestWhatMayBeLeftOutOrAdded(t *testing.T) {
	w := newWorld(t)
	for name, changes := range map[string][]string{
		"no redirect_uri": {"redirect_uri", "-"}, "no resource": {"resource", "-"}, "empty resource": {"resource", ""}, "empty secret": {"client_secret", ""},
		"trailing slash": {"resource", resource + "/"}, "other loopback name": {"resource", "http://127.0.0.1:8080/sse"}, "unknown parameter": {"audience", "x"},
		"wider scope": {"scope", "admin mcp:tools"},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.post(t, w.codeForm(w.code(t, nil), changes...)).ok(t)
			if access := w.openAccess(t, a.text("access_token")); access.Audience != resource || access.Scope != "mcp:tools" {
				t.Errorf("aud %s, scope %s", access.Audience, access.Scope)
			}
		})
	}
	t.Run("verifiers of all lengths", func(t *testing.T) {
		for _, v := range []string{strings.Repeat("a", 43), strings.Repeat("-._~", 32), strings.Repeat("Z9", 50)} {
			code := w.code(t, func(c *artifact.AuthorizationCode) { c.Challenge = s256(v) })
			w.post(t, w.codeForm(code, "code_verifier", v)).ok(t)
		}
	})
}

func TestBadCodes(t *testing.T) {
	w := newWorld(t)
	code := w.code(t, nil)
	tokens := w.post(t, w.codeForm(w.code(t, nil))).ok(t)
	state, err := artifact.NewSealer[artifact.UpstreamState](w.vault).Seal(artifact.UpstreamState{})
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"garbage": "x", "truncated": code[:len(code)-1], "padded": code + "=", "with a space": code + " ", "with a line break": code + "\n", "doubled": code + code,
		"another server's": newWorld(t).code(t, nil),
		"the access token": tokens.text("access_token"), "the refresh token": tokens.text("refresh_token"), "the client_id": w.clientID, "the upstream state": state,
	} {
		t.Run(name, func(t *testing.T) { w.post(t, w.codeForm(bad)).refused(t, 400, "invalid_grant") })
	}
	t.Run("empty", func(t *testing.T) { w.post(t, w.codeForm("")).refused(t, 400, "invalid_request") })
	t.Run("100 KB", func(t *testing.T) {
		w.post(t, w.codeForm(strings.Repeat("a", 100<<10))).refused(t, 413, "invalid_request")
	})
	t.Run("9 KB", func(t *testing.T) {
		w.post(t, w.codeForm(strings.Repeat("a", 9<<10))).refused(t, 400, "invalid_request")
	})
	w.post(t, w.codeForm(code)).ok(t)
}

func TestEveryChangedByteOfACodeIsRefused(t *testing.T) {
	w := newWorld(t)
	code := w.code(t, nil)
	for i := range len(code) {
		changed := []byte(code)
		if changed[i]++; changed[i] == '&' || changed[i] == '+' {
			changed[i]++
		}
		if a := w.post(t, w.codeForm(string(changed))); a.status != 400 || a.body["error"] != "invalid_grant" {
			t.Fatalf("byte %d: %d %s", i, a.status, a.raw)
		}
	}
}

func TestCodesExpire(t *testing.T) {
	w := newWorld(t)
	first, second := w.code(t, nil), w.code(t, nil)
	w.clock.Advance(59 * time.Second)
	w.post(t, w.codeForm(first)).ok(t)
	w.clock.Advance(time.Second)
	if a := w.post(t, w.codeForm(second)).refused(t, 400, "invalid_grant"); !strings.Contains(a.text("error_description"), "expired") {
		t.Errorf("description %q", a.text("error_description"))
	}
	w.clock.Advance(time.Hour)
	future := w.code(t, nil)
	w.clock.Advance(-2 * time.Minute)
	w.post(t, w.codeForm(future)).refused(t, 400, "invalid_grant")
}

func TestAnUnavailableGuardBurnsNothing(t *testing.T) {
	w := newWorld(t)
	code := w.code(t, nil)
	w.guard.down = true
	a := w.post(t, w.codeForm(code)).refused(t, 503, "temporarily_unavailable")
	if a.header["Retry-After"] == "" {
		t.Error("no Retry-After")
	}
	w.guard.down = false
	w.post(t, w.codeForm(code)).ok(t)
}

func TestClientsWithoutTheRefreshGrantGetNoRefreshToken(t *testing.T) {
	w := newWorld(t)
	a := w.post(t, w.codeForm(w.code(t, func(c *artifact.AuthorizationCode) { c.NoRefresh = true }))).ok(t)
	if _, there := a.body["refresh_token"]; there {
		t.Error("the code says no refresh token")
	}
	id := w.client(t, artifact.ClientRegistration{NoRefresh: true})
	code := w.code(t, func(c *artifact.AuthorizationCode) { c.Client = artifact.DigestOf(id) })
	a = w.post(t, w.codeForm(code, "client_id", id)).ok(t)
	if _, there := a.body["refresh_token"]; there {
		t.Error("the registration says no refresh token")
	}
}

func TestClientAuthentication(t *testing.T) {
	w := newWorld(t)
	basic := func(credentials string) [2]string {
		return [2]string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(credentials))}
	}
	other := w.client(t, artifact.ClientRegistration{})
	for _, c := range []struct {
		name    string
		headers [][2]string
		changes []string
		status  int
		err     string
	}{
		{"empty secret", [][2]string{basic(w.clientID + ":")}, nil, 200, ""},
		{"empty secret, no client_id in the body", [][2]string{basic(w.clientID + ":")}, []string{"client_id", "-"}, 200, ""},
		{"form-encoded", [][2]string{basic(strings.ReplaceAll(url.QueryEscape(w.clientID), ".", "%2E") + ":")}, nil, 200, ""},
		{"lower-case scheme", [][2]string{{"Authorization", "basic " + base64.StdEncoding.EncodeToString([]byte(w.clientID+":"))}}, nil, 200, ""},
		{"a secret", [][2]string{basic(w.clientID + ":s3cret")}, nil, 401, "invalid_client"},
		{"an encoded secret", [][2]string{basic(w.clientID + ":%73")}, nil, 401, "invalid_client"},
		{"another client", [][2]string{basic(other + ":")}, nil, 401, "invalid_client"},
		{"unknown client", [][2]string{basic("x:")}, []string{"client_id", "-"}, 401, "invalid_client"},
		{"no colon", [][2]string{basic(w.clientID)}, nil, 401, "invalid_client"},
		{"no client", [][2]string{basic(":")}, nil, 401, "invalid_client"},
		{"bad percent-encoding", [][2]string{basic(w.clientID + "%:")}, nil, 401, "invalid_client"},
		{"not base64", [][2]string{{"Authorization", "Basic !!!"}}, nil, 401, "invalid_client"},
		{"nothing", [][2]string{{"Authorization", "Basic"}}, nil, 401, "invalid_client"},
		{"bearer", [][2]string{{"Authorization", "Bearer x"}}, nil, 401, "invalid_client"},
		{"two headers", [][2]string{basic(w.clientID + ":"), basic(w.clientID + ":")}, nil, 400, "invalid_request"},
		{"header and body secret", [][2]string{basic(w.clientID + ":")}, []string{"client_secret", ""}, 400, "invalid_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code := w.code(t, nil)
			a := w.post(t, w.codeForm(code, c.changes...), c.headers...)
			if c.err == "" {
				a.ok(t)
				return
			}
			a.refused(t, c.status, c.err)
			if challenged := strings.HasPrefix(a.header["Www-Authenticate"], "Basic"); challenged != (c.status == 401) {
				t.Errorf("WWW-Authenticate %q", a.header["Www-Authenticate"])
			}
			w.post(t, w.codeForm(code)).ok(t)
		})
	}
}

func TestOddRequests(t *testing.T) {
	w := newWorld(t)
	code := w.code(t, nil)
	form := w.codeForm(code).Encode()
	for name, r := range map[string]raw{
		"all in the query":      {query: "?" + form, contentType: formType},
		"code in the query":     {query: "?code=" + code, contentType: formType, body: form},
		"anything in the query": {query: "?x", contentType: formType, body: form},
		"secret in the query":   {query: "?client_secret=x", contentType: formType, body: form},
		"JSON":                  {contentType: "application/json", body: `{"grant_type":"authorization_code"}`},
		"JSON type, form body":  {contentType: "application/json", body: form},
		"text":                  {contentType: "text/plain", body: form},
		"multipart":             {contentType: "multipart/form-data; boundary=x", body: "--x\r\nContent-Disposition: form-data; name=\"code\"\r\n\r\nx\r\n--x--\r\n"},
		"no type":               {body: form},
		"bad type":              {contentType: formType + ";;=", body: form},
		"empty":                 {contentType: formType},
		"compressed":            {contentType: formType, body: form, headers: [][2]string{{"Content-Encoding", "gzip"}}},
		"code twice":            {contentType: formType, body: form + "&code=" + code},
		"code twice, one empty": {contentType: formType, body: "code=&" + form},
		"client_id twice":       {contentType: formType, body: form + "&client_id=x"},
		"grant_type twice":      {contentType: formType, body: form + "&grant_type=refresh_token"},
		"verifier twice":        {contentType: formType, body: form + "&code_verifier=" + verifier},
		"encoded name twice":    {contentType: formType, body: form + "&c%6Fde=x"},
		"unknown twice":         {contentType: formType, body: form + "&x=1&x=1"},
		"semicolons":            {contentType: formType, body: strings.ReplaceAll(form, "&", ";")},
		"bad percent-encoding":  {contentType: formType, body: form + "&x=%zz"},
		"invalid UTF-8":         {contentType: formType, body: form + "&x=%ff"},
		"65 parameters":         {contentType: formType, body: form + strings.Join(manyParams(), "")},
		"a long parameter":      {contentType: formType, body: form + "&scope=" + strings.Repeat("a", 9<<10)},
	} {
		t.Run(name, func(t *testing.T) { w.send(t, r).refused(t, 400, "invalid_request") })
	}
	t.Run("resource twice", func(t *testing.T) {
		w.send(t, raw{contentType: formType, body: form + "&resource=" + url.QueryEscape(resource)}).refused(t, 400, "invalid_target")
	})
	t.Run("1 MB", func(t *testing.T) {
		w.send(t, raw{contentType: formType, body: form + "&x=" + strings.Repeat("a", 1<<20)}).refused(t, 413, "invalid_request")
	})
	t.Run("a charset is fine", func(t *testing.T) {
		w.send(t, raw{contentType: formType + "; charset=UTF-8", body: form}).ok(t)
	})
}

func manyParams() []string {
	all := make([]string, 65)
	for i := range all {
		all[i] = fmt.Sprintf("&p%d=1", i)
	}
	return all
}

func TestTheLogTellsWhoAndNothingSecret(t *testing.T) {
	w := newWorld(t)
	code := w.code(t, nil)
	a := w.post(t, w.codeForm(code)).ok(t)
	w.post(t, w.codeForm(code, "client_secret", "canary-secret"))
	w.post(t, w.codeForm(code))
	b := w.post(t, w.refreshForm(a.text("refresh_token"))).ok(t)
	log := w.log.String()
	for _, secret := range []string{
		code, verifier, challenge, "canary-secret", w.clientID, redirectURI,
		a.text("access_token"), a.text("refresh_token"), b.text("access_token"), b.text("refresh_token"),
	} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %.20s…", secret)
		}
	}
	for _, wanted := range []string{"event=authorization_code", "event=refresh_token", "client=" + string(artifact.DigestOf(w.clientID)), "subject=subject-of-alice", "err=" + oauth.InvalidGrant, "err=" + oauth.InvalidClient} {
		if !strings.Contains(log, wanted) {
			t.Errorf("the log lacks %s:\n%s", wanted, log)
		}
	}
}
