package arch

import (
	"go/build/constraint"
	"slices"
	"strings"
	"testing"
)

// plan lists, for each directory of the product, what it may import of this
// module. A directory that is missing here fails the test: a new room is a
// decision. A planned one need not exist yet.
var plan = map[string][]string{
	"crypto/jose":              {},
	"crypto/artifact":          {"crypto/jose"},
	"crypto/replay":            {},
	"crypto/replay/redisguard": {"crypto/replay"},

	"router": {
		"router/authorize", "router/discovery", "router/grant", "router/register",
		"router/metrics", "router/oauth", "router/pages",
	},
	"router/discovery": {"router/oauth"},
	"router/register":  {"crypto/artifact", "router/client", "router/oauth"},
	"router/authorize": {"crypto/artifact", "router/client", "router/oauth", "router/pages", "router/upstream"},
	"router/grant":     {"crypto/artifact", "crypto/replay", "router/client", "router/oauth"},

	"router/oauth":                 {},
	"router/client":                {"crypto/artifact", "router/oauth"},
	"router/metrics":               {},
	"router/pages":                 {"router/oauth"},
	"router/upstream":              {},
	"router/upstream/devidp":       {},
	"router/upstream/upstreamtest": {},

	"sse":        {"crypto/artifact", "sse/bearer", "sse/mcp", "sse/relay", "tools"},
	"sse/bearer": {"crypto/artifact"},
	"sse/mcp":    {"tools"},
	"sse/relay":  {"crypto/artifact"},

	"tools":            {},
	"tools/echo":       {"tools"},
	"tools/sum":        {"tools"},
	"tools/stockprice": {"tools"},
}

// fences names the only directories that may import a package from outside,
// and all packages below it.
var fences = map[string][]string{
	"github.com/lestrrat-go/jwx":      {"crypto/jose"},
	"github.com/coreos/go-oidc":       {"router/upstream"},
	"golang.org/x/oauth2":             {"router/upstream"},
	"github.com/go-jose/go-jose":      {"router/upstream", "router/upstream/devidp", "router/upstream/upstreamtest"},
	"github.com/zitadel/oidc":         {"router/upstream/devidp"},
	"github.com/fasthttp/router":      {"router"},
	"github.com/prometheus":           {"router/metrics"},
	"github.com/redis/go-redis":       {".", "crypto/replay/redisguard", "crypto/replay/redisguard/redistest", "sse/relay"},
	"github.com/alecthomas/kong":      {"."},
	"github.com/joho/godotenv":        {"."},
	"github.com/google/jsonschema-go": {"tools"},
	"github.com/valyala/fasthttp": {
		".", "router", "router/authorize", "router/discovery", "router/grant", "router/oauth", "router/pages", "router/register", "sse",
	},
	"net/http":       {"router/client", "router/upstream", "router/upstream/devidp", "router/upstream/upstreamtest"},
	"math/rand":      {".", "sse", "sse/relay", "tools/stockprice"}, // the price walk and the jitter of reconnects; keys and ids come from crypto/rand
	"html/template":  {"router/pages", "router/upstream/devidp"},
	"text/template":  {},                                     // pages are HTML and escaped
	"log":            {},                                     // log/slog; the old logger has no keys to redact by
	"unsafe":         {},                                     // strings over a request's buffer change under their reader
	"os/exec":        {"crypto/replay/redisguard/redistest"}, // the server starts nothing; its tests start a Redis
	"C":              {},                                     // builds without a C compiler
	"plugin":         {},                                     // the server loads nothing
	"net/http/pprof": {},                                     // registers itself on the default mux
	"expvar":         {},                                     // as well
}

func imports(s *source) []string {
	var violations []string
	for _, path := range s.imports {
		if own, isOwn := strings.CutPrefix(path, module+"/"); isOwn {
			violations = append(violations, importsOwn(s, own)...)
		} else {
			violations = append(violations, importsOutside(s, path)...)
		}
	}
	if _, planned := plan[s.dir]; !planned && s.dir != "." && !s.forTests() {
		violations = append(violations, s.path+": directory "+s.dir+" is not in the plan")
	}
	return violations
}

func importsOwn(s *source, own string) []string {
	target := &source{dir: own}
	switch {
	case s.dir == "bench" || strings.HasPrefix(s.dir, "bench/"):
		return nil
	case target.forTests() && (s.dir != "." || !tagged(s, "conformance")):
		return []string{s.path + " imports " + own + ": the product does not import the workshop"}
	case s.dir == ".":
		return nil // everything meets in main
	case !slices.Contains(plan[s.dir], own):
		return []string{s.path + " imports " + own + ", which the plan does not allow"}
	}
	return nil
}

func importsOutside(s *source, path string) []string {
	var violations []string
	for outside, allowed := range fences {
		within := path == outside || strings.HasPrefix(path, outside+"/") && outside != "log" && outside != "net/http"
		if within && !slices.Contains(allowed, s.dir) && s.dir != "bench" && !strings.HasPrefix(s.dir, "bench/") {
			violations = append(violations, s.path+" imports "+path+", which is fenced to "+strings.Join(allowed, ", "))
		}
	}
	return violations
}

// tagged says whether a file is built only under a tag.
func tagged(s *source, tag string) bool {
	for _, group := range s.ast.Comments {
		for _, c := range group.List {
			if expr, err := constraint.Parse(c.Text); err == nil {
				return !expr.Eval(func(t string) bool { return t != tag })
			}
		}
	}
	return false
}

func TestImports(t *testing.T) { holds(t, imports) }

func TestImportRules(t *testing.T) {
	in := func(imported string) string { return "package x\nimport _ \"" + imported + "\"\n" }
	objects(t, imports, []broken{
		{"room imports room", "router/grant/x.go", in(module + "/router/authorize"), "the plan does not allow"},
		{"router imports sse", "router/x.go", in(module + "/sse"), "the plan does not allow"},
		{"sse imports router", "sse/x.go", in(module + "/router/oauth"), "the plan does not allow"},
		{"grant imports upstream", "router/grant/x.go", in(module + "/router/upstream"), "the plan does not allow"},
		{"grant imports pages", "router/grant/x.go", in(module + "/router/pages"), "the plan does not allow"},
		{"vault imports room", "crypto/artifact/x.go", in(module + "/router/oauth"), "the plan does not allow"},
		{"room imports jose", "router/grant/x.go", in(module + "/crypto/jose"), "the plan does not allow"},
		{"tool sees a token", "tools/echo/x.go", in(module + "/crypto/artifact"), "the plan does not allow"},
		{"product imports bench", "main.go", in(module + "/bench/fixtures"), "the workshop"},
		{"product imports a fake", "router/authorize/x.go", in(module + "/router/upstream/upstreamtest"), "the workshop"},
		{"untagged fixtures", "x.go", "//go:build linux\n\n" + in(module+"/bench/fixtures"), "the workshop"},
		{"tagged fixtures", "x.go", "//go:build conformance\n\n" + in(module+"/bench/fixtures"), ""},
		{"a new room", "router/lounge/x.go", "package lounge\n", "not in the plan"},
		{"code in the vault's hall", "crypto/x.go", "package crypto\n", "not in the plan"},
		{"jwx in a room", "router/grant/x.go", in("github.com/lestrrat-go/jwx/v2/jwt"), "fenced to crypto/jose"},
		{"jwx in main", "x.go", in("github.com/lestrrat-go/jwx/v2"), "fenced to crypto/jose"},
		{"go-oidc in a room", "router/authorize/x.go", in("github.com/coreos/go-oidc/v3/oidc"), "fenced"},
		{"x/oauth2 in a room", "router/authorize/x.go", in("golang.org/x/oauth2"), "fenced"},
		{"fasthttp in the vault", "crypto/jose/x.go", in("github.com/valyala/fasthttp"), "fenced"},
		{"fasthttp in mcp", "sse/mcp/x.go", in("github.com/valyala/fasthttp/fasthttputil"), "fenced"},
		{"net/http in a tool", "tools/sum/x.go", in("net/http"), "fenced"},
		{"fasthttp/router in a room", "router/grant/x.go", in("github.com/fasthttp/router"), "fenced"},
		{"prometheus in the router", "router/x.go", in("github.com/prometheus/client_golang/prometheus"), "fenced to router/metrics"},
		{"metrics know no room", "router/metrics/x.go", in(module + "/router/grant"), "the plan does not allow"},
		{"nor HTTP", "router/metrics/x.go", in("github.com/valyala/fasthttp"), "fenced"},
		{"weak randomness in the vault", "crypto/artifact/x.go", in("math/rand/v2"), "fenced"},
		{"slog is not log", "router/x.go", in("log/slog"), ""},
		{"bench may", "bench/e2e/x.go", in("net/http"), ""},
		{"sse/mcp and tools", "sse/mcp/x.go", in(module + "/tools"), ""},
	})
}

// Laws that the plan has to keep, whoever edits it.
func TestPlanKeepsTheLaws(t *testing.T) {
	rooms := []string{"router/discovery", "router/register", "router/authorize", "router/grant"}
	for dir, may := range plan {
		top, _, _ := strings.Cut(dir, "/")
		for _, own := range may {
			target, _, _ := strings.Cut(own, "/")
			switch {
			case slices.Contains(rooms, own) && dir != "router":
				t.Errorf("%s may import the room %s", dir, own)
			case top == "router" && target == "sse", top == "sse" && target == "router":
				t.Errorf("%s may import %s: they meet in main", dir, own)
			case (top == "crypto" || top == "tools") && target != top:
				t.Errorf("%s may import %s: inner packages know no room", dir, own)
			case own == "crypto/jose" && dir != "crypto/artifact":
				t.Errorf("%s may import crypto/jose: rooms get artifacts", dir)
			case own == "router/upstream" && dir != "router/authorize":
				t.Errorf("%s may import router/upstream", dir)
			}
		}
	}
	for _, path := range []string{"github.com/valyala/fasthttp", "net/http"} {
		for _, dir := range fences[path] {
			if strings.HasPrefix(dir, "crypto") || strings.HasPrefix(dir, "tools") || dir == "sse/mcp" {
				t.Errorf("%s may import %s", dir, path)
			}
		}
	}
}
