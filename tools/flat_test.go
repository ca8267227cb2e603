package tools

import (
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/jsonschema-go/jsonschema"
)

type scalars struct {
	Text  string  `json:"text" jsonschema:"words" header:"Text"`
	Big   float64 `json:"big"`
	Count int     `json:"count,omitzero"`
	Yes   bool    `json:"yes,omitzero"`
	own   int     // what is not exported is nobody's business
}

// FuzzFlat: what is read without the library fits the schema, and the library
// reads the same.
func FuzzFlat(f *testing.F) {
	schema, text, err := inputOf[scalars](nil)
	if err != nil {
		f.Fatal(err)
	}
	short := flattenInput(reflect.TypeFor[scalars](), schema.Schema())
	if short == nil {
		f.Fatalf("%s has no flat form", text)
	}
	for _, seed := range []string{
		``, `{}`, `{"text":"a","big":1}`, `{"text":"a","big":1.5,"count":3,"yes":true}`, `{"text":"a","big":1,"count":3.0}`,
		`{"text":"a","big":1e999}`, `{"text":"a","big":1e9,"count":1e2,"yes":false}`, `{"text":null,"big":1}`, `{"text":"a","big":1,"more":1}`,
		`{"text":"a","\u0062ig":1}`, `{"text":"a","big":1,"count":99999999999999999999}`, `{"text":"a","text":"b","big":1}`, `{"Text":"a","big":1}`,
		`[]`, `null`, `{"text":"a","big":"1"}`, `{"text":"a","big":1,"yes":null}`, `{"text":"a"}`, `{"text":"a","big":1} x`, "{\"text\":\"\xff\",\"big\":1}",
		`{"text":"\n\u00e9\ud83d\ude00é","big":-0}`, `{"text":"\ud800","big":-0.0,"count":-0}`, `{"text":"a","big":01}`, `{"text":"a","big":1.}`,
		` { "text" : "a" , "big" : 1 , "yes" : true } `, `{"text":"a","big":1,}`, `{,"text":"a","big":1}`, `{"text":"a" "big":1}`, `{"text":"a","big":1}}`,
		`{"text":"a","big":1,"yes":truefalse}`, `{"text":"a","big":123456789012345678901234567890.123}`, `{"text":"a","big":-}`, "{\"text\":\"\t\",\"big\":1}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, arguments []byte) {
		var fast, slow scalars
		if !short.read(arguments, reflect.ValueOf(&fast).Elem()) {
			return // the library is asked
		}
		if err := decode("x", schema, arguments, &slow); err != nil || fast != slow || math.Signbit(fast.Big) != math.Signbit(slow.Big) {
			t.Errorf("%q: got %+v, want %+v, %v", arguments, fast, slow, err)
		}
	})
}

// TestFlatReads: the short way is taken for what clients send.
func TestFlatReads(t *testing.T) {
	schema, _, err := inputOf[scalars](nil)
	if err != nil {
		t.Fatal(err)
	}
	short := flattenInput(reflect.TypeFor[scalars](), schema.Schema())
	for arguments, want := range map[string]scalars{
		`{"text":"a","big":1}`: {Text: "a", Big: 1},
		`{"text":"\n\u00e9 ß","big":-1.25,"count":-3,"yes":true}`: {Text: "\né ß", Big: -1.25, Count: -3, Yes: true},
		" { \"yes\" : false ,\n\"big\" :0.1,\t\"text\":\"\" } ":   {Big: 0.1},
	} {
		var got scalars
		if !short.read([]byte(arguments), reflect.ValueOf(&got).Elem()) || got != want {
			t.Errorf("%s: got %+v", arguments, got)
		}
	}
}

// FuzzFlatOutput: what is written without the library is what it writes.
func FuzzFlatOutput(f *testing.F) {
	type output struct {
		Text  string  `json:"text"`
		Note  string  `json:"note,omitzero"`
		Big   float64 `json:"big"`
		Small float64 `json:"small,omitzero"`
		Count int     `json:"count"`
		Long  int64   `json:"long,omitzero"`
		Yes   bool    `json:"yes,omitzero"`
	}
	form := formOf[output]()
	if form.flat == nil {
		f.Fatal("the type has no flat form")
	}
	f.Add("a", "", 1.5, 0.0, 1, int64(0), true)
	f.Add("\"\\\u2028<>&\x00\x7f", "é\xff", 1e21, math.Copysign(0, -1), -1, int64(math.MinInt64), false)
	f.Add("", "ß", math.Inf(1), 1e-7, 0, int64(1), false)
	f.Add("", "", math.NaN(), math.MaxFloat64, 0, int64(1), false)
	f.Fuzz(func(t *testing.T, text, note string, big, small float64, count int, long int64, yes bool) {
		out := output{text, note, big, small, count, long, yes}
		got, gotErr := form.marshal(nil, &out, 1<<20)
		want, wantErr := json.Marshal(out, deterministic)
		if wantErr == nil && string(got) != string(want) || (gotErr == nil) != (wantErr == nil) {
			t.Errorf("%+v: got %s, %v; want %s, %v", out, got, gotErr, want, wantErr)
		}
	})
}

type ownForm struct {
	A string `json:"a"`
}

func (*ownForm) UnmarshalJSON([]byte) error { return nil }

// TestFlattenTypes: only a type that is understood to the last tag has a flat form.
func TestFlattenTypes(t *testing.T) {
	type named string
	field := reflect.StructField{Name: "A", Type: reflect.TypeFor[string](), Tag: `json:"a"`}
	other := reflect.StructField{Name: "B", Type: reflect.TypeFor[string](), Tag: `json:"a"`}
	twice := reflect.Zero(reflect.StructOf([]reflect.StructField{field, other})).Interface()
	for _, c := range []struct {
		of   any
		flat bool
	}{
		{struct{}{}, true},
		{scalars{}, true},
		{struct {
			A int64 `json:"a"`
		}{}, true},
		{"", false},
		{ownForm{}, false},
		{struct{ A string }{}, false},
		{struct{ hidden string }{}, true}, // for the library neither
		{struct {
			A string `json:"-"`
		}{}, false},
		{struct {
			A string `json:"a,omitempty"`
		}{}, false},
		{struct {
			A int `json:"a,string"`
		}{}, false},
		{struct {
			A string `json:"a,omitzero,case:ignore"`
		}{}, false},
		{struct {
			A string `json:"é"`
		}{}, false},
		{struct {
			A named `json:"a"`
		}{}, false},
		{struct {
			A *string `json:"a"`
		}{}, false},
		{struct {
			A []byte `json:"a"`
		}{}, false},
		{struct {
			A float32 `json:"a"`
		}{}, false},
		{struct {
			A time.Duration `json:"a"`
		}{}, false},
		{struct{ scalars }{}, false},
		{twice, false},
	} {
		if got := flatten(reflect.TypeOf(c.of)) != nil; got != c.flat {
			t.Errorf("%T: flat %v", c.of, got)
		}
	}
}

// TestFlattenInput: only a schema that is understood to the last keyword, and is
// that of the type, has a flat form.
func TestFlattenInput(t *testing.T) {
	const rest = `,"additionalProperties":false}`
	type input struct {
		A string `json:"a"`
	}
	for _, c := range []struct {
		schema string
		flat   bool
	}{
		{`{"type":"object","properties":{"a":{"type":"string"}}` + rest, true},
		{`{"type":"object"` + rest, false},
		{`{"type":"object","properties":{"b":{"type":"string"}}` + rest, false},
		{`{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}}` + rest, false},
		{`{"type":"object","properties":{"a":{"type":"number"}}` + rest, false},
		{`{"type":"object","properties":{"a":{"type":"string"}}}`, false},
		{`{"type":"object","title":"T","properties":{"a":{"type":"string","description":"A","x-more":1}},"required":["a"]` + rest, true},
		{`{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":true}`, false},
		{`{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":{"type":"string"}}`, false},
		{`{"properties":{"a":{"type":"string"}}` + rest, false},
		{`{"type":"object","properties":{"a":{}}` + rest, false},
		{`{"type":"object","properties":{"a":{"type":["string","null"]}}` + rest, false},
		{`{"type":"object","properties":{"a":{"type":"array"}}` + rest, false},
		{`{"type":"object","properties":{"a":{"type":"string","enum":["x"]}}` + rest, false},
		{`{"type":"object","properties":{"a":{"type":"string","pattern":"x"}}` + rest, false},
		{`{"type":"object","properties":{"a":{"type":"string","maxLength":0}}` + rest, false},
		{`{"type":"object","properties":{"a":{"type":"number","minimum":0}}` + rest, false},
		{`{"type":"object","properties":{"a":{"type":"string"}},"minProperties":1` + rest, false},
		{`{"type":"object","properties":{"a":{"type":"string"}},"patternProperties":{"^x":{}}` + rest, false},
		{`{"type":"object","properties":{"a":{"type":"string"}},"not":{}` + rest, false},
	} {
		var schema jsonschema.Schema
		if err := json.Unmarshal(jsontext.Value(c.schema), &schema); err != nil {
			t.Fatal(err)
		}
		if got := flattenInput(reflect.TypeFor[input](), &schema) != nil; got != c.flat {
			t.Errorf("%s: flat %v", c.schema, got)
		}
	}
}
