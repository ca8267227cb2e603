package upstream_test

import (
	"errors"
	"strings"
	"testing"

	"mcp-oauth-server/router/upstream"
	"mcp-oauth-server/router/upstream/upstreamtest"
)

// bare removes the profile from an ID token, as many providers do.
func bare(c map[string]any) { delete(c, "email"); delete(c, "email_verified"); delete(c, "name") }

func TestProfile(t *testing.T) {
	set := func(name string, value any) func(map[string]any) { return func(c map[string]any) { c[name] = value } }
	for name, c := range map[string]struct {
		claims, userinfo func(map[string]any)
		email            string
		verified         bool
		shown            string
		asked            int // userinfo requests
	}{
		"all in the ID token":             {nil, nil, "user@example.com", true, "A User", 0},
		"all at userinfo":                 {bare, nil, "user@example.com", true, "A User", 1},
		"e-mail only at userinfo":         {func(c map[string]any) { bare(c); c["name"] = "Token Name" }, nil, "user@example.com", true, "Token Name", 1},
		"name nowhere":                    {set("name", ""), nil, "user@example.com", true, "", 0},
		"userinfo of somebody else":       {bare, set("sub", "user-2"), "", false, "", 1},
		"userinfo without sub":            {bare, set("sub", ""), "", false, "", 1},
		"verified as string":              {set("email_verified", "true"), nil, "user@example.com", true, "A User", 0},
		"not verified as string":          {set("email_verified", "false"), nil, "user@example.com", false, "A User", 0},
		"verified as number":              {set("email_verified", 1), nil, "user@example.com", false, "A User", 0},
		"verified as TRUE":                {set("email_verified", "TRUE"), nil, "user@example.com", false, "A User", 0},
		"verified absent":                 {func(c map[string]any) { delete(c, "email_verified") }, nil, "user@example.com", false, "A User", 0},
		"verified string at userinfo":     {bare, set("email_verified", "true"), "user@example.com", true, "A User", 1},
		"verified elsewhere than address": {func(c map[string]any) { delete(c, "email") }, set("email_verified", false), "user@example.com", false, "A User", 1},
		"address verified by neither":     {bare, func(c map[string]any) { delete(c, "email") }, "", false, "A User", 1},
		"name of the wrong type":          {set("name", 7), nil, "user@example.com", true, "A User", 1},
		"name with a line break":          {set("name", "A\r\nUser\u202e"), nil, "user@example.com", true, "AUser", 0},
		"long name":                       {set("name", strings.Repeat("é", 1000)), nil, "user@example.com", true, strings.Repeat("é", 128), 0},
		"long address":                    {set("email", strings.Repeat("a", 255)), func(c map[string]any) { delete(c, "email") }, "", false, "A User", 1},
		"address with a line break":       {set("email", "a@example.com\n"), func(c map[string]any) { delete(c, "email") }, "", false, "A User", 1},
		"preferred username":              {func(c map[string]any) { delete(c, "name"); c["preferred_username"] = "auser" }, nil, "user@example.com", true, "auser", 0},
	} {
		t.Run(name, func(t *testing.T) {
			idp := upstreamtest.New(t)
			idp.Set(upstreamtest.Faults{Claims: c.claims, UserinfoClaims: c.userinfo})
			who := newParty(t, idp).mustLogin(t)
			if who.Email != c.email || who.EmailVerified != c.verified || who.Name != c.shown {
				t.Errorf("got %+v", who)
			}
			if got := idp.Hits(upstreamtest.Userinfo); got != c.asked {
				t.Errorf("userinfo was asked %d times, want %d", got, c.asked)
			}
		})
	}
}

func TestPlainOAuth2(t *testing.T) {
	for name, c := range map[string]struct {
		userinfo func(map[string]any)
		subject  string // empty means refused
	}{
		"sub":              {nil, "user-1"},
		"id as number":     {func(c map[string]any) { delete(c, "sub"); c["id"] = uint64(9007199254740993) }, "9007199254740993"},
		"id as string":     {func(c map[string]any) { delete(c, "sub"); c["id"] = "u-42" }, "u-42"},
		"sub before id":    {func(c map[string]any) { c["id"] = 42 }, "user-1"},
		"neither":          {func(c map[string]any) { delete(c, "sub") }, ""},
		"id as fraction":   {func(c map[string]any) { delete(c, "sub"); c["id"] = 1.5 }, ""},
		"id negative":      {func(c map[string]any) { delete(c, "sub"); c["id"] = -1 }, ""},
		"id as object":     {func(c map[string]any) { delete(c, "sub"); c["id"] = map[string]any{"a": 1} }, ""},
		"id null":          {func(c map[string]any) { delete(c, "sub"); c["id"] = nil }, ""},
		"sub too long":     {func(c map[string]any) { c["sub"] = strings.Repeat("s", 256) }, ""},
		"e-mail is a list": {func(c map[string]any) { c["email"] = []string{"a@example.com"} }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			idp := upstreamtest.New(t)
			// An ID token nobody asked for changes nothing, not even a forged one.
			idp.Set(upstreamtest.Faults{UserinfoClaims: c.userinfo, Signature: upstreamtest.AlgNone})
			p := newParty(t, idp, plain(idp))
			who, err := p.login(t)
			if c.subject == "" {
				if !errors.Is(err, upstream.ErrRefused) {
					t.Errorf("got %+v, %v", who, err)
				}
				return
			}
			want := upstream.Identity{Issuer: idp.Issuer + "/token", Subject: c.subject, Email: "user@example.com", EmailVerified: true, Name: "A User"}
			if err != nil || who != want {
				t.Errorf("got %+v, %v, want %+v", who, err, want)
			}
			if idp.Hits(upstreamtest.Discovery)+idp.Hits(upstreamtest.Keys) != 0 {
				t.Error("discovery or keys were asked of a provider that has none")
			}
		})
	}
}

func TestPlainOAuth2UserinfoDown(t *testing.T) {
	for answer, kind := range map[upstreamtest.Answer]error{
		upstreamtest.Status503: upstream.ErrUnavailable, upstreamtest.Reset: upstream.ErrUnavailable,
		upstreamtest.HTML: upstream.ErrRefused, upstreamtest.RedirectAway: upstream.ErrRefused, upstreamtest.Duplicate: upstream.ErrRefused,
	} {
		t.Run(string(answer), func(t *testing.T) {
			idp := upstreamtest.New(t)
			idp.Set(upstreamtest.Faults{Answers: map[upstreamtest.Endpoint]upstreamtest.Answer{upstreamtest.Userinfo: answer}})
			newParty(t, idp, plain(idp)).mustFail(t, kind)
			if idp.Hits(upstreamtest.Redirected) != 0 {
				t.Error("the access token followed a redirect")
			}
		})
	}
}

func plain(idp *upstreamtest.Server) func(*upstream.Config) {
	return func(c *upstream.Config) {
		c.Issuer, c.Scopes = "", []string{"user"}
		c.AuthURL, c.TokenURL, c.UserURL = idp.Issuer+"/authorize", idp.Issuer+"/token", idp.Issuer+"/userinfo"
	}
}
