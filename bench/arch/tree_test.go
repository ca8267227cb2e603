package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "mcp-oauth-server" // the module path in go.mod
	root   = "../.."
)

// source is one Go file that is not a test.
type source struct {
	path    string // from the root, with slashes
	dir     string // "." for the root
	text    string
	files   *token.FileSet
	ast     *ast.File
	imports []string
}

func parse(path, text string) (*source, error) {
	s := &source{path: path, dir: filepath.ToSlash(filepath.Dir(path)), text: text, files: token.NewFileSet()}
	f, err := parser.ParseFile(s.files, path, text, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	s.ast = f
	for _, spec := range f.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		s.imports = append(s.imports, imported)
	}
	return s, nil
}

// at is where a rule is broken, as an editor understands it.
func (s *source) at(n ast.Node) string {
	return s.path + ":" + strconv.Itoa(s.files.Position(n.Pos()).Line)
}

// bench and packages like upstreamtest exist for tests; they may do what tests
// do.
func (s *source) forTests() bool {
	return s.dir == "bench" || strings.HasPrefix(s.dir, "bench/") || strings.HasSuffix(s.dir, "test")
}

// walk visits all files of the project: not what git, npm or another module
// keeps.
func walk(t *testing.T, visit func(path string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != root {
			_, nested := os.Stat(filepath.Join(p, "go.mod"))
			if strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || nested == nil {
				return filepath.SkipDir
			}
		}
		if d.Type().IsRegular() {
			rel, err := filepath.Rel(root, p)
			if err != nil {
				return err
			}
			visit(filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// tree returns all Go files of the project that are no tests.
func tree(t *testing.T) []*source {
	t.Helper()
	var all []*source
	walk(t, func(path string) {
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return
		}
		s, err := parse(path, read(t, path))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	})
	if len(all) < 10 {
		t.Fatalf("%d files in the tree: the rules were checked against nothing", len(all))
	}
	return all
}

// rule returns what a file does that it must not do, one text per violation.
type rule func(*source) []string

func holds(t *testing.T, r rule) {
	t.Helper()
	for _, s := range tree(t) {
		for _, violation := range r(s) {
			t.Error(violation)
		}
	}
}

// broken is a source that a rule must object to, or, with no part of an answer,
// must leave in peace.
type broken struct{ name, path, text, objection string }

func objects(t *testing.T, r rule, sources []broken) {
	t.Helper()
	for _, b := range sources {
		t.Run(b.name, func(t *testing.T) {
			s, err := parse(b.path, b.text)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(r(s), "\n")
			if b.objection == "" && got != "" || !strings.Contains(got, b.objection) {
				t.Errorf("the rule says %q, want %q", got, b.objection)
			}
		})
	}
}
