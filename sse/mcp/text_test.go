package mcp

import (
	"bytes"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-oauth-server/tools"
)

// TestTextResponse: a text in short is what it is in full, byte by byte.
func TestTextResponse(t *testing.T) {
	modern := resultHead{ResultType: "complete", Meta: &resultMeta{ServerInfo: implementation{Name: "n\"", Title: "ü", Version: "1"}}}
	untitled := resultHead{ResultType: "complete", Meta: &resultMeta{ServerInfo: implementation{Name: "n", Version: "\n"}}}
	for _, head := range []resultHead{{}, modern, untitled} {
		for _, id := range []string{`1`, `-0`, `1234567890123456789`, `""`, `"a"`, `"\u0061\u000a\/"`, `"<é\u2028>"`, "\"\u2028\x7f\""} {
			for _, text := range []string{"", "plain", "\"\\\n\x00\u2028<&>é😀\uFFFD"} {
				for _, structured := range []jsontext.Value{nil, jsontext.Value(`{}`), jsontext.Value(`{"a":[1,"\n"]}`)} {
					for _, isError := range []bool{false, true} {
						short := (&textResult{head, text, structured, isError}).response(nil, jsontext.Value(id))
						full := encode(response{ID: jsontext.Value(id), Result: &callResult{
							head, tools.Contents{tools.Text{Text: text}}, structured, isError,
						}})
						if !bytes.Equal(short, full) {
							t.Errorf("got  %s\nwant %s", short, full)
						}
					}
				}
			}
		}
	}
}

// FuzzReadObject holds what is cut out of valid JSON to what a decoder reads.
func FuzzReadObject(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"x","params":{}}`, `{"\u006dethod":"\u0078","id":"\""}`, `{"Method":1}`,
		`{" id":1}`, `{"other":1}`, `[1]`, `{"result":null}`, `{"id":-1,"error":{"id":2}}`, `{"method\u0000":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if checkJSON(text) != nil {
			return
		}
		got, problem := readObject(text, true, envelope...)
		var want map[string]jsontext.Value
		if json.Unmarshal(text, &want) != nil || want == nil {
			if problem == nil {
				t.Fatalf("%q is an object", text)
			}
			return
		}
		almost := false
		for name := range want {
			for _, known := range envelope {
				almost = almost || name != known && resembles(name, known)
			}
		}
		if almost != (problem != nil) {
			t.Fatalf("%q: almost a name: %v, got %v", text, almost, problem)
		}
		for _, name := range envelope {
			value := got.get(name)
			if problem == nil && !bytes.Equal(value, want[name]) {
				t.Errorf("%q: %s is %s, want %s", text, name, value, want[name])
			}
			var s string
			isString := value.Kind() == '"' && json.Unmarshal(value, &s) == nil
			if is, ok := stringOf(value); ok != isString || is != s {
				t.Errorf("%s is %q", value, is)
			}
		}
	})
}
