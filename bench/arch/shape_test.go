package arch

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The limits are far above what is usual here; whoever meets one has two things
// in one place.
const (
	maxFileLines     = 400
	maxFunctionLines = 80
)

func sizes(s *source) []string {
	var violations []string
	if n := strings.Count(s.text, "\n"); n > maxFileLines {
		violations = append(violations, s.path+": "+strconv.Itoa(n)+" lines, limit "+strconv.Itoa(maxFileLines))
	}
	ast.Inspect(s.ast, func(n ast.Node) bool {
		if f, ok := n.(*ast.FuncDecl); ok {
			lines := s.files.Position(f.End()).Line - s.files.Position(f.Pos()).Line + 1
			if lines > maxFunctionLines {
				violations = append(violations, s.at(f)+": "+f.Name.Name+" has "+strconv.Itoa(lines)+" lines, limit "+strconv.Itoa(maxFunctionLines))
			}
		}
		return true
	})
	return violations
}

func TestSizes(t *testing.T) { holds(t, sizes) }

func TestSizeRule(t *testing.T) {
	objects(t, sizes, []broken{
		{"long file", "x.go", "package x\n" + strings.Repeat("\n", maxFileLines), "401 lines"},
		{"long function", "x.go", "package x\nfunc f() {\n" + strings.Repeat("\n", maxFunctionLines-1) + "}\n", "f has 81 lines"},
		{"just short enough", "x.go", "package x\nfunc f() {\n" + strings.Repeat("\n", maxFunctionLines-2) + "}\n", ""},
	})
}

// A package comment is the map of its room.
func TestPackageComments(t *testing.T) {
	commented := map[string]int{}
	for _, s := range tree(t) {
		doc := s.ast.Doc.Text()
		want := "Package " + s.ast.Name.Name + " "
		if s.ast.Name.Name == "main" {
			want = "Command " + module + " "
		}
		if doc != "" && !strings.HasPrefix(doc, want) {
			t.Errorf("%s: the package comment begins with %q, want %q", s.path, strings.SplitN(doc, "\n", 2)[0], want)
		}
		if doc != "" {
			commented[s.dir]++
		} else {
			commented[s.dir] += 0
		}
	}
	for dir, n := range commented {
		if n != 1 {
			t.Errorf("%s: %d package comments, want one", dir, n)
		}
	}
}

// Every exported name of the product says what it is.
func undocumented(s *source) []string {
	if s.forTests() {
		return nil
	}
	var violations []string
	missing := func(n ast.Node, name string, docs ...*ast.CommentGroup) {
		if ast.IsExported(name) && !slices.ContainsFunc(docs, func(d *ast.CommentGroup) bool { return d.Text() != "" }) {
			violations = append(violations, s.at(n)+": "+name+" has no comment")
		}
	}
	for _, decl := range s.ast.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			standard := d.Recv != nil && slices.Contains([]string{"Error", "Unwrap", "String", "GoString"}, d.Name.Name)
			if !standard && (d.Recv == nil || ast.IsExported(receiver(d))) {
				missing(d, d.Name.Name, d.Doc)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					missing(spec, spec.Name.Name, d.Doc, spec.Doc, spec.Comment)
				case *ast.ValueSpec:
					for _, name := range spec.Names {
						missing(spec, name.Name, d.Doc, spec.Doc, spec.Comment)
					}
				}
			}
		}
	}
	return violations
}

func receiver(f *ast.FuncDecl) string {
	t := f.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

func TestPublicNamesAreDocumented(t *testing.T) { holds(t, undocumented) }

func TestDocumentationRule(t *testing.T) {
	objects(t, undocumented, []broken{
		{"function", "sse/x.go", "package x\nfunc F() {}\n", "F has no comment"},
		{"method", "sse/x.go", "package x\n// T is.\ntype T[X any] struct{}\nfunc (T[X]) M() {}\n", "M has no comment"},
		{"method of a hidden type", "sse/x.go", "package x\ntype t struct{}\nfunc (t) M() {}\n", ""},
		{"constant", "sse/x.go", "package x\nconst C = 1\n", "C has no comment"},
		{"constants of a commented group", "sse/x.go", "package x\n// Some.\nconst (\n\tC = 1\n\tD = 2\n)\n", ""},
	})
}

// unfinished finds what someone left for later. The word is put together here
// so that this file does not find itself.
var unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)

func TestNothingIsLeftForLater(t *testing.T) {
	for _, ends := range []string{"// TO" + "DO: x", "# FIX" + "ME"} {
		if !unfinished.MatchString(ends) {
			t.Errorf("%q is not found", ends)
		}
	}
	text := []string{".go", ".md", ".mjs", ".js", ".html", ".css", ".yml", ".yaml", ".sh", ".mod", "", ".conf", ".txt"}
	files := 0
	walk(t, func(path string) {
		if !slices.Contains(text, filepath.Ext(path)) {
			return
		}
		if info, err := os.Stat(filepath.Join(root, path)); err != nil || info.Size() > 1<<20 {
			return // a built binary
		}
		files++
		for i, line := range strings.Split(read(t, path), "\n") {
			if unfinished.MatchString(line) {
				t.Errorf("%s:%d: %s", path, i+1, strings.TrimSpace(line))
			}
		}
	})
	if files < 50 {
		t.Errorf("%d files were looked at", files)
	}
}
