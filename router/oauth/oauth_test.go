package oauth_test

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"mcp-oauth-server/router/oauth"
)

func TestParseParams(t *testing.T) {
	p, err := oauth.ParseParams("a=1&b=x+y%20z&empty=&name&utf8=%C3%A9&&dup=1&dup=2&dup=3")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a": "1", "b": "x y z", "empty": "", "name": "", "utf8": "é", "dup": "", "absent": ""} {
		if got := p.Get(name); got != want {
			t.Errorf("Get(%s) = %q, want %q", name, got, want)
		}
	}
	if !p.Has("empty") || !p.Has("dup") || p.Has("absent") {
		t.Error("Has is wrong about empty, dup or absent")
	}
	if !p.Repeated("dup") || p.Repeated("a") || p.AnyRepeated() != "dup" {
		t.Errorf("repeated: %q", p.AnyRepeated())
	}
}

func TestParseParamsRefuses(t *testing.T) {
	for name, raw := range map[string]string{
		"bad percent-encoding":    "a=%zz",
		"cut percent-encoding":    "a=%2",
		"bad encoding in a name":  "%=1",
		"semicolon as separator":  "a=1;b=2",
		"NUL":                     "a=%00",
		"NUL in a name":           "a%00b=1",
		"invalid UTF-8":           "a=%ff",
		"invalid UTF-8, raw":      "a=\xff",
		"UTF-8 cut over the pair": "%C3=%A9",
		"too many":                manyParams(65),
	} {
		if p, err := oauth.ParseParams(raw); err == nil {
			t.Errorf("%s: got %+v", name, p)
		}
	}
	if _, err := oauth.ParseParams(manyParams(64)); err != nil {
		t.Errorf("64 parameters: %v", err)
	}
}

func manyParams(n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = "p" + strings.Repeat("x", i) + "=1"
	}
	return strings.Join(names, "&")
}

// What is accepted, the standard library reads the same way; what is repeated
// is never given out.
func FuzzParseParams(f *testing.F) {
	for _, raw := range []string{"a=1&b=2", "a=1&a=2", "a=%2", "a;b", "=", "&&", "a=b=c", "+=%2B", "a=\x00", "%C3=%A9"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := oauth.ParseParams(raw)
		if err != nil {
			return
		}
		want, err := url.ParseQuery(raw)
		if err != nil {
			t.Fatalf("%q: accepted, net/url: %v", raw, err)
		}
		for _, name := range slices.Collect(maps.Keys(want)) {
			if len(want[name]) == 1 && p.Get(name) != want[name][0] {
				t.Errorf("%q: %s = %q, net/url %q", raw, name, p.Get(name), want[name][0])
			}
			if p.Repeated(name) != (len(want[name]) > 1) || p.Repeated(name) && p.Get(name) != "" || !p.Has(name) {
				t.Errorf("%q: %s is repeated: %v, value %q", raw, name, p.Repeated(name), p.Get(name))
			}
		}
	})
}

func TestGrantScope(t *testing.T) {
	for _, c := range []struct{ requested, limit, want string }{
		{"", "mcp:tools", "mcp:tools"},
		{"mcp:tools", "mcp:tools", "mcp:tools"},
		{"mcp:tools offline_access", "mcp:tools", "mcp:tools"},
		{"mcp:read offline_access", "mcp:tools", "mcp:tools"},
		{"MCP:TOOLS", "mcp:tools", "mcp:tools"},
		{"a", "a b", "a"},
		{"b a b", "a b", "a b"},
		{"a b c", "a", "a"},
		{"admin", "a b", "a b"},
		{"  a\t ", "a b", "a"},
	} {
		if got := oauth.GrantScope(c.requested, c.limit); got != c.want {
			t.Errorf("GrantScope(%q, %q) = %q, want %q", c.requested, c.limit, got, c.want)
		}
	}
}

func TestWriteError(t *testing.T) {
	for _, c := range []struct {
		err        *oauth.Error
		status     int
		body       string
		retryAfter string
	}{
		{oauth.NewError(oauth.InvalidGrant, "the code has expired"), 400, `{"error":"invalid_grant","error_description":"the code has expired"}`, ""},
		{&oauth.Error{Code: oauth.InvalidClient, Status: 401}, 401, `{"error":"invalid_client"}`, ""},
		{&oauth.Error{Code: oauth.TemporarilyUnavailable, Status: 503}, 503, `{"error":"temporarily_unavailable"}`, "2"},
	} {
		var ctx fasthttp.RequestCtx
		oauth.WriteError(&ctx, c.err)
		h := &ctx.Response.Header
		if ctx.Response.StatusCode() != c.status || string(ctx.Response.Body()) != c.body {
			t.Errorf("%v: %d %s", c.err, ctx.Response.StatusCode(), ctx.Response.Body())
		}
		if string(h.ContentType()) != "application/json" || string(h.Peek("Cache-Control")) != "no-store" || string(h.Peek("Retry-After")) != c.retryAfter {
			t.Errorf("%v: headers %s", c.err, h)
		}
	}
}
