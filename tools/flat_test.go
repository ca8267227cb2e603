package tools

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/jsonschema-go/jsonschema"
)

type scalars struct {
	Text  string  `json:"text" jsonschema:"words" header:"Text"`
	Big   float64 `json:"big"`
	Count int     `json:"count,omitzero"`
	Yes   bool    `json:"yes,omitzero"`
}

// FuzzFlat: with and without the flat form a schema gives the same answer and
// the same input.
func FuzzFlat(f *testing.F) {
	schema, text, err := inputOf[scalars](nil)
	if err != nil {
		f.Fatal(err)
	}
	short := flatten(schema.Schema())
	if short == nil {
		f.Fatalf("%s has no flat form", text)
	}
	for _, seed := range []string{
		``, `{}`, `{"text":"a","big":1}`, `{"text":"a","big":1.5,"count":3,"yes":true}`, `{"text":"a","big":1,"count":3.0}`,
		`{"text":"a","big":1e999}`, `{"text":"a","big":1e9,"count":1e2,"yes":false}`, `{"text":null,"big":1}`, `{"text":"a","big":1,"more":1}`,
		`{"text":"a","\u0062ig":1}`, `{"text":"a","big":1,"count":99999999999999999999}`, `{"text":"a","text":"b","big":1}`, `{"Text":"a","big":1}`,
		`[]`, `null`, `{"text":"a","big":"1"}`, `{"text":"a","big":1,"yes":null}`, `{"text":"a"}`, `{"text":"a","big":1} x`, "{\"text\":\"\xff\",\"big\":1}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, arguments []byte) {
		var fast, slow scalars
		fastErr := decode("x", schema, short, arguments, &fast)
		slowErr := decode("x", schema, nil, arguments, &slow)
		if fast != slow || (fastErr == nil) != (slowErr == nil) || problem(fastErr) != problem(slowErr) {
			t.Errorf("%q: got %+v, %v; want %+v, %v", arguments, fast, fastErr, slow, slowErr)
		}
	})
}

// problem is the text of an error up to the names in it, whose order is chance.
func problem(err error) string {
	text, _, _ := strings.Cut(fmt.Sprint(err), "[")
	return text
}

// TestFlatten: only a schema that is understood to the last keyword has a flat
// form.
func TestFlatten(t *testing.T) {
	const rest = `,"additionalProperties":false}`
	for _, c := range []struct {
		schema string
		flat   bool
	}{
		{`{"type":"object"` + rest, true},
		{`{"type":"object","title":"T","properties":{"a":{"type":"string","description":"A","x-more":1}},"required":["a"]` + rest, true},
		{`{"type":"object"}`, false},
		{`{"type":"object","additionalProperties":true}`, false},
		{`{"type":"object","additionalProperties":{"type":"string"}}`, false},
		{`{"properties":{"a":{"type":"string"}}` + rest, false},
		{`{"type":"object","properties":{"a":{}}` + rest, false},
		{`{"type":"object","properties":{"a":{"type":["string","null"]}}` + rest, false},
		{`{"type":"object","properties":{"a":{"type":"array"}}` + rest, false},
		{`{"type":"object","properties":{"a":{"type":"string","enum":["x"]}}` + rest, false},
		{`{"type":"object","properties":{"a":{"type":"string","pattern":"x"}}` + rest, false},
		{`{"type":"object","properties":{"a":{"type":"string","maxLength":0}}` + rest, false},
		{`{"type":"object","properties":{"a":{"type":"number","minimum":0}}` + rest, false},
		{`{"type":"object","minProperties":1` + rest, false},
		{`{"type":"object","patternProperties":{"^x":{}}` + rest, false},
		{`{"type":"object","not":{}` + rest, false},
	} {
		var schema jsonschema.Schema
		if err := json.Unmarshal(jsontext.Value(c.schema), &schema); err != nil {
			t.Fatal(err)
		}
		if got := flatten(&schema) != nil; got != c.flat {
			t.Errorf("%s: flat %v", c.schema, got)
		}
	}
}
