package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// named is a test as docs/attacks.md names it: package, function, and perhaps the name of a part.
var named = regexp.MustCompile("`([a-z0-9/]+)` ((?:Test|Fuzz)\\w+)(?:: ([^;|]+))?")

// docs/attacks.md is a promise: every attack it lists is answered by tests that exist.
func TestEveryAttackOfTheListHasItsTest(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/attacks.md")
	if err != nil {
		t.Fatal(err)
	}
	rows, tests := 0, map[string]string{} // of a package, all its test files
	for line := range strings.Lines(string(page)) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| attack ") {
			continue
		}
		rows++
		found := named.FindAllStringSubmatch(line, -1)
		if len(found) == 0 {
			t.Errorf("no test is named in: %s", line)
		}
		for _, f := range found {
			folder, function, part := f[1], f[2], strings.TrimSpace(f[3])
			if tests[folder] == "" {
				tests[folder] = sourcesOf(t, folder)
			}
			if !strings.Contains(tests[folder], "func "+function+"(") || part != "" && !strings.Contains(tests[folder], `t.Run("`+part+`"`) {
				t.Errorf("%s has no test %s: %s", folder, function, part)
			}
		}
	}
	if rows < 39 {
		t.Errorf("the list has %d rows", rows)
	}
}

// sourcesOf returns the text of the test files of a folder of the repository.
func sourcesOf(t *testing.T, folder string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}
