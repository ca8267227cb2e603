package grant

import (
	"encoding/json"
	"regexp"
	"testing"
	"unicode/utf8"

	"github.com/valyala/fasthttp"
)

// What is put together by hand is what the JSON library makes of the same
// tokens, for every scope that an artifact can hold.
func FuzzAnswer(f *testing.F) {
	f.Add("aaa.bbb", int64(600), "mcp:tools", "ccc..ddd")
	f.Add("", int64(0), "", "")
	f.Add("a", int64(-1), "quote \" backslash \\ é \u2028 <&> \x00 \x7f", "r")
	f.Fuzz(func(t *testing.T, access string, seconds int64, scope, refresh string) {
		sealed := regexp.MustCompile(`^[A-Za-z0-9_.-]*$`)
		if !sealed.MatchString(access) || !sealed.MatchString(refresh) || !utf8.ValidString(scope) {
			return
		}
		var ctx fasthttp.RequestCtx
		tokens{access, seconds, scope, refresh}.write(&ctx)
		type answer struct {
			AccessToken  string `json:"access_token"`
			TokenType    string `json:"token_type"`
			ExpiresIn    int64  `json:"expires_in"`
			Scope        string `json:"scope"`
			RefreshToken string `json:"refresh_token,omitempty"`
		}
		var got answer
		if err := json.Unmarshal(ctx.Response.Body(), &got); err != nil {
			t.Fatalf("%q: %v", ctx.Response.Body(), err)
		}
		if want := (answer{access, "Bearer", seconds, scope, refresh}); got != want {
			t.Errorf("wrote %+v, want %+v", got, want)
		}
		if members := members(t, ctx.Response.Body()); refresh == "" && members != 4 || refresh != "" && members != 5 {
			t.Errorf("%d members: %s", members, ctx.Response.Body())
		}
	})
}

func members(t *testing.T, object []byte) int {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(object, &m); err != nil {
		t.Fatal(err)
	}
	return len(m)
}

// FuzzVerifier holds the hand-written grammar to the one of RFC 7636 §4.1.
func FuzzVerifier(f *testing.F) {
	const v = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	for _, s := range []string{"", v, v[1:], v + ".~", v[1:] + "+", v[1:] + "é", v + v + v, v + v + v[:42], v[1:] + "\x00", v + "\n"} {
		f.Add(s)
	}
	grammar := regexp.MustCompile(`\A[A-Za-z0-9._~-]{43,128}\z`)
	f.Fuzz(func(t *testing.T, s string) {
		if got, want := isVerifier(s), grammar.MatchString(s); got != want {
			t.Errorf("isVerifier(%q) = %v, want %v", s, got, want)
		}
	})
}

// FuzzFormType holds the short way to the parser.
func FuzzFormType(f *testing.F) {
	for _, s := range []string{formType, formType + "; charset=utf-8", "APPLICATION/x-www-form-urlencoded", "", "text/plain", formType + ";", formType + " x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s == formType && !isForm([]byte(s)) || s != formType && isForm([]byte(s)) && !regexp.MustCompile(`(?i)^\s*application/x-www-form-urlencoded\s*(;|$)`).MatchString(s) {
			t.Errorf("isForm(%q) = %v", s, isForm([]byte(s)))
		}
	})
}
