package tools_test

import (
	"bytes"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"mcp-oauth-server/tools"
)

// FuzzMembers holds the members of a valid object to those that the decoder
// reads, and looks that invalid text does no harm.
func FuzzMembers(f *testing.F) {
	for _, seed := range []string{
		`{}`, ` { } `, `[]`, `"{"`, `1`, `null`, ``, `{`, `{"`, `{"a`, `{"a"`, `{"a":`, `{"a":}`, `{,}`, `{"a":1,}`, `{"a"}`, `{"\`, `{"a":"\`,
		`{"a":1}`, `{"a":-1.5e3 ,"b":true, "c" : null }`, "{\n\t\"a\"\r:\"b\"\n}",
		`{"a":"}","b":{"c":"]","d":[{},{"e":"\\\""}]},"\"":"\"","\\":[1,[2,[3]]]}`,
		`{"a":[],"b":{},"":""}`, `{"a":{"b":1}`, `{"a":1]}`, `{"a":]`, `{"é":"ü","\u0061":"\u007d"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m := tools.MembersOf(text)
		if !jsontext.Value(text).IsValid() {
			for n := 0; m.Next(); n++ {
				if n > len(text) {
					t.Fatal("there is no end")
				}
			}
			return
		}
		if jsontext.Value(bytes.TrimSpace(text)).Kind() != '{' {
			if m.Next() {
				t.Fatalf("%q: %s in what is no object", text, m.Name)
			}
			return
		}
		d := jsontext.NewDecoder(bytes.NewReader(text))
		if _, err := d.ReadToken(); err != nil {
			t.Fatal(err)
		}
		for d.PeekKind() == '"' {
			name, err := d.ReadValue()
			if err != nil {
				t.Fatal(err)
			}
			name = name.Clone()
			value, err := d.ReadValue()
			if err != nil {
				t.Fatal(err)
			}
			if !m.Next() || !bytes.Equal(name, m.Name) || !bytes.Equal(value, m.Value) {
				t.Fatalf("%q: got %s: %s, want %s: %s", text, m.Name, m.Value, name, value)
			}
		}
		if m.Next() {
			t.Fatalf("%q: one more: %s", text, m.Name)
		}
	})
}
