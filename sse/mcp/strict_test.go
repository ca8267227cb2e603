package mcp

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// FuzzStrict: whatever is taken at a glance is taken by the library too, and not
// nested too deeply, and its outline says where its members are.
func FuzzStrict(f *testing.F) {
	for text := range sureTexts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		o := new(outline)
		if !surelyValid(body, o) {
			return
		}
		if tooDeep(body) || !jsontext.Value(body).IsValid() {
			t.Errorf("%q is taken", body)
		}
		if jsontext.Value(body).Kind() != '{' {
			return
		}
		whole := sameMembers(t, body, body, &o.message, envelope)
		if params := whole.get("params"); params.Kind() == '{' {
			sameMembers(t, params, body, &o.params, methods["tools/call"].params)
		}
	})
}

// sameMembers holds the outline of an object in body to its reading.
func sameMembers(t *testing.T, object, body jsontext.Value, c *contents, known []string) members {
	t.Helper()
	read, problem := readObject(object, true, known...)
	var outlined members
	outlinedProblem := c.read(&outlined, body, true, known...)
	if (problem == nil) != (outlinedProblem == nil) {
		t.Fatalf("%q: %v, by its outline %v", body, problem, outlinedProblem)
	}
	for _, name := range known {
		if a, b := read.get(name), outlined.get(name); string(a) != string(b) || (a == nil) != (b == nil) {
			t.Errorf("%q: %s is %q, by its outline %q", body, name, a, b)
		}
	}
	return read
}

// sureTexts are taken at a glance, or not.
var sureTexts = map[string]bool{
	`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"hello"}}}`: true,
	" {\t\"a\" : [ 1 , -0.5 ,true,false, null,{ } ,[ ]] }\r\n":                                                true,
	`"ß \n\\\"\/ 日本"`: true,
	`[]`:              true, `0`: true,
	strings.Repeat("[", 15) + "1" + strings.Repeat("]", 15): true,

	``: false, ` `: false, `{`: false, `[`: false, `"`: false, `"\`: false, `-`: false, `{"a"`: false, `{"a":`: false, `[1`: false, `tru`: false,
	strings.Repeat("[", 17) + strings.Repeat("]", 17): false,
	`{"a":1,"a":2}`: false, `{"a":1,"\u0061":2}`: false, `{"ß":1,"ß":2}`: false, `{"a":{"b":1,"b":2}}`: false,
	`{"a\n":1}`: false, `{"a":1,}`: false, `{,}`: false, `{a:1}`: false, `{"a" 1}`: false, `{"a":1 "b":2}`: false, `{1:1}`: false,
	`[1,]`: false, `[,1]`: false, `[1 2]`: false, `01`: false, `1.`: false, `.5`: false, `+1`: false, `1e5`: false, `--1`: false, `-a`: false,
	`"\u0041"`: false, `"\x"`: false, "\"\t\"": false, "\"\x7f\"": true, "\"\xff\"": false, "\"\xed\xa0\x80\"": false,
	`nul`: false, `nullx`: false, `truefalse`: false, `{} {}`: false, "{}\x00": false, "\ufeff{}": false,
	`{"1":1,"2":1,"3":1,"4":1,"5":1,"6":1,"7":1,"8":1,"9":1,"10":1,"11":1,"12":1,"13":1}`: false,
	`{"1":1,"2":1,"3":1,"4":1,"5":1,"6":1,"7":1,"8":1,"9":1,"10":1,"11":1,"12":1}`:        true,
}

// TestStrict: the usual is taken at a glance, all else is left to the library.
func TestStrict(t *testing.T) {
	for text, want := range sureTexts {
		if got := surelyValid([]byte(text), new(outline)); got != want {
			t.Errorf("%q: got %v", text, got)
		}
	}
}
