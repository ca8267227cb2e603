package grant

import (
	"errors"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"mcp-oauth-server/router/oauth"
)

// Whatever the door lets in has one grant type, all that the grant needs, and
// each value exactly once in the body.
func FuzzReadRequest(f *testing.F) {
	v := strings.Repeat("a", 43)
	for _, body := range []string{
		"grant_type=authorization_code&code=x&code_verifier=" + v + "&client_id=y",
		"grant_type=refresh_token&refresh_token=x&client_id=y&scope=a+b",
		"grant_type=refresh_token&refresh_token=x&refresh_token=y", "grant_type=%00", "a;b", "%", "code=x&c%6fde=y",
	} {
		f.Add(body, "")
		f.Add(body, "Basic eTo=")
	}
	f.Fuzz(func(t *testing.T, body, authorization string) {
		var ctx fasthttp.RequestCtx
		ctx.Request.Header.SetMethod("POST")
		ctx.Request.Header.SetContentType("application/x-www-form-urlencoded")
		if authorization != "" {
			ctx.Request.Header.Set("Authorization", authorization)
		}
		ctx.Request.SetBodyString(body)
		req, err := readRequest(&ctx)
		if err != nil {
			var e *oauth.Error
			if !errors.As(err, &e) || strings.ContainsAny(e.Description, "\"\\") {
				t.Errorf("%q: %v", body, err)
			}
			return
		}
		form, err := oauth.ParseParams(body)
		if err != nil || form.AnyRepeated() != "" || len(body) > MaxBody {
			t.Fatalf("accepted %q", body)
		}
		switch req.grantType {
		case grantCode:
			if req.code != form.Get("code") || req.code == "" || !isVerifier(req.verifier) {
				t.Errorf("%q: code %q, verifier %q", body, req.code, req.verifier)
			}
		case grantRefresh:
			if req.refreshToken != form.Get("refresh_token") || req.refreshToken == "" {
				t.Errorf("%q: refresh token %q", body, req.refreshToken)
			}
		default:
			t.Errorf("%q: grant type %q", body, req.grantType)
		}
		if req.clientID == "" || form.Has("client_id") && form.Get("client_id") != "" && form.Get("client_id") != req.clientID {
			t.Errorf("%q: client %q", body, req.clientID)
		}
	})
}
