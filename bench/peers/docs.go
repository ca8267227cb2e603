package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// writeDocs replaces what stands between the markers of a part in
// performance.md, and nothing else there: the text around it is written by hand.
// A file without the markers gets them at its end.
func writeDocs(dir, part string, sections []section) error {
	path := filepath.Join(dir, "performance.md")
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var body bytes.Buffer
	for _, s := range sections {
		s.write(&body)
	}
	return os.WriteFile(path, replacePart(text, part, body.Bytes()), 0o644)
}

func replacePart(text []byte, part string, body []byte) []byte {
	begin := fmt.Appendf(nil, "<!-- %s: generated, begin -->\n", part)
	end := fmt.Appendf(nil, "<!-- %s: generated, end -->\n", part)
	before, rest, found := bytes.Cut(text, begin)
	_, after, ended := bytes.Cut(rest, end)
	if !found || !ended {
		before, after = bytes.Join([][]byte{text, nil}, []byte("\n")), nil
	}
	return bytes.Join([][]byte{before, begin, []byte("\n"), bytes.TrimSpace(body), []byte("\n\n"), end, after}, nil)
}
