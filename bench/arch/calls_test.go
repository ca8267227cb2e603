package arch

import (
	"go/ast"
	"go/types"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// forbidden are functions of packages that the product must not use, with the
// directories or files where an exception stands.
var forbidden = []struct {
	pkg, name string // the name is a regular expression over the whole name
	why       string
	allowed   []string
}{
	{"net/http", "DefaultClient|Get|Head|Post|PostForm", "it has no timeout", nil},
	{"net/http", "DefaultServeMux|Handle|HandleFunc|ListenAndServe|Serve", "it has no timeouts and one mux for all", nil},
	{"github.com/valyala/fasthttp", "Get|GetTimeout|GetDeadline|Post|Do|DoTimeout|DoDeadline|DoRedirects|ListenAndServe|Serve", "the server calls nobody with fasthttp, and serves with its own settings", nil},
	{"encoding/json", "Unmarshal|NewDecoder", "it folds case and takes duplicate names; use go-json-experiment/json", []string{
		"router/upstream/keys.go", // go-jose's keys have no other reader
	}},
	{"time", "Now|Since|Until", "take the time from an injected clock", []string{
		".",                           // main hands out the clock
		"router/upstream/upstream.go", // the default of a constructor
		"router/upstream/devidp",      // a development provider with no state worth a clock
		"sse/writer.go",               // write deadlines are in the network's time
		"sse/relay/link.go",           // how long a connection is silent is measured, not compared with a date
		"tools/client.go",             // the time limit of a handler is a timer's
		"sse/mcp/talk.go",             // the default of an optional clock
		"sse/pulse.go",                // so are the deadlines of contexts
		"router/record.go",            // how long a request took, from fasthttp's own time
	}},
	{"time", "Sleep|After|Tick", "it cannot be stopped", []string{"serve.go"}},
	{"fmt", "Print|Printf|Println", "log with slog", []string{"."}},
	{"os", "Exit", "only main decides", []string{"."}},
	{"os", "Getenv|LookupEnv|Environ", "settings come from main", []string{"."}},
	{"log/slog", "Debug|Info|Warn|Error|Log|LogAttrs|SetDefault", "use the logger that was given", []string{"."}},
}

// methods that must not be called, whatever they are methods of, in files that
// import a package.
var forbiddenMethods = []struct{ pkg, name, why string }{
	{"github.com/valyala/fasthttp", "FormValue", "it reads the query before the body"},
	{"github.com/valyala/fasthttp", "SaveMultipartFile", "nothing is uploaded"},
	{"github.com/valyala/fasthttp", "SetBodyStreamWriter", "it does not see a client leave"},
}

func calls(s *source) []string {
	if s.forTests() {
		return nil
	}
	names := importNames(s)
	var violations []string
	ast.Inspect(s.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			violations = append(violations, selects(s, names, n)...)
		case *ast.CallExpr:
			if id, ok := n.Fun.(*ast.Ident); ok && (id.Name == "print" || id.Name == "println") && types.Universe.Lookup(id.Name) != nil && id.Obj == nil {
				violations = append(violations, s.at(n)+": "+id.Name+" is for debugging")
			}
		}
		return true
	})
	return violations
}

// importNames maps the names by which a file calls its imports to their paths.
func importNames(s *source) map[string]string {
	names := make(map[string]string)
	for i, spec := range s.ast.Imports {
		name := path.Base(s.imports[i])
		if regexp.MustCompile(`^v[0-9]+$`).MatchString(name) {
			name = path.Base(path.Dir(s.imports[i]))
		}
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = s.imports[i]
	}
	return names
}

func selects(s *source, names map[string]string, n *ast.SelectorExpr) []string {
	var violations []string
	if id, ok := n.X.(*ast.Ident); ok && id.Obj == nil { // Obj: a local variable of that name
		for _, f := range forbidden {
			if names[id.Name] == f.pkg && regexp.MustCompile(`^(`+f.name+`)$`).MatchString(n.Sel.Name) &&
				!slices.Contains(f.allowed, s.dir) && !slices.Contains(f.allowed, s.path) {
				violations = append(violations, s.at(n)+": "+id.Name+"."+n.Sel.Name+": "+f.why)
			}
		}
	}
	for _, m := range forbiddenMethods {
		if n.Sel.Name == m.name && slices.Contains(s.imports, m.pkg) {
			violations = append(violations, s.at(n)+": "+m.name+": "+m.why)
		}
	}
	return violations
}

func TestCalls(t *testing.T) { holds(t, calls) }

func TestCallRules(t *testing.T) {
	body := func(imported, statement string) string {
		return "package x\nimport \"" + imported + "\"\nfunc f() { " + statement + " }\n"
	}
	objects(t, calls, []broken{
		{"FormValue", "router/grant/x.go", body("github.com/valyala/fasthttp", `var c *fasthttp.RequestCtx; c.FormValue("code")`), "x.go:3: FormValue"},
		{"DefaultClient", "router/upstream/x.go", body("net/http", `http.DefaultClient.Do(nil)`), "no timeout"},
		{"http.Get", "router/upstream/x.go", body("net/http", `http.Get("")`), "no timeout"},
		{"encoding/json", "router/register/x.go", body("encoding/json", `json.Unmarshal(nil, nil)`), "folds case"},
		{"encoding/json, renamed", "router/register/x.go", "package x\nimport std \"encoding/json\"\nvar _ = std.NewDecoder\n", "folds case"},
		{"strict json", "router/register/x.go", body("github.com/go-json-experiment/json", `json.Unmarshal(nil, nil)`), ""},
		{"json.Marshal", "crypto/jose/x.go", body("encoding/json", `json.Marshal(nil)`), ""},
		{"time.Now", "crypto/artifact/x.go", body("time", `time.Now()`), "injected clock"},
		{"time.Now as a value", "sse/x.go", body("time", `_ = time.Now`), "injected clock"},
		{"time.Since", "sse/x.go", body("time", `time.Since(time.Time{})`), "injected clock"},
		{"time.Now in main", "x.go", body("time", `time.Now()`), ""},
		{"a variable named time", "sse/x.go", "package x\nfunc f(time struct{ Now func() }) { time.Now() }\n", ""},
		{"Println", "sse/x.go", body("fmt", `fmt.Println("x")`), "slog"},
		{"println", "sse/x.go", "package x\nfunc f() { println(1) }\n", "debugging"},
		{"os.Exit", "router/x.go", body("os", `os.Exit(1)`), "only main"},
		{"Getenv", "router/x.go", body("os", `os.Getenv("KEYS")`), "settings"},
		{"the default logger", "router/x.go", body("log/slog", `slog.Info("x")`), "logger that was given"},
		{"v2 of a path", "router/x.go", body("math/rand/v2", `rand.Int()`), ""},
		{"for tests", "router/upstream/upstreamtest/x.go", body("time", `time.Now()`), ""},
	})
}

// panics ends the process in a fasthttp handler that does not recover, so each
// says why it cannot happen: in a comment on its line or the one before, or in
// the comment of its function.
func panics(s *source) []string {
	if s.forTests() {
		return nil
	}
	lines := strings.Split(s.text, "\n")
	reason := regexp.MustCompile(`(?i)panic|mistake`)
	var violations []string
	for _, decl := range s.ast.Decls {
		f, isFunc := decl.(*ast.FuncDecl)
		explained := isFunc && (reason.MatchString(f.Doc.Text()) || strings.HasPrefix(f.Name.Name, "must"))
		ast.Inspect(decl, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || explained {
				return true
			}
			if id, ok := call.Fun.(*ast.Ident); ok && id.Name == "panic" && id.Obj == nil {
				line := s.files.Position(call.Pos()).Line
				if !strings.Contains(lines[line-1], "// ") && !strings.HasPrefix(strings.TrimSpace(lines[line-2]), "//") {
					violations = append(violations, s.path+":"+strconv.Itoa(line)+": a panic that does not say why it cannot happen")
				}
			}
			return true
		})
	}
	return violations
}

func TestPanicsAreExplained(t *testing.T) { holds(t, panics) }

func TestPanicRule(t *testing.T) {
	objects(t, panics, []broken{
		{"bare", "sse/x.go", "package x\nfunc f() {\n\tpanic(1)\n}\n", "x.go:3: a panic"},
		{"in a literal", "sse/x.go", "package x\nvar f = func() {\n\n\tpanic(1)\n}\n", "x.go:4: a panic"},
		{"explained on its line", "sse/x.go", "package x\nfunc f() {\n\tpanic(1) // our own type\n}\n", ""},
		{"explained before", "sse/x.go", "package x\nfunc f() {\n\t// Our own type.\n\tpanic(1)\n}\n", ""},
		{"explained above", "sse/x.go", "package x\n// f panics on a mistake of ours.\nfunc f() {\n\tpanic(1)\n}\n", ""},
		{"a comment about something else", "sse/x.go", "package x\n// f does.\nfunc f() {\n\tpanic(1)\n}\n", "a panic"},
	})
}
