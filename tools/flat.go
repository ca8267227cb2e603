package tools

import (
	"encoding"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/jsonschema-go/jsonschema"
)

// flat is a struct of strings, numbers and booleans, which is what most tools
// take and return, read and written without the machinery of the library. It
// only ever does what it surely does as the library would: whatever it does not
// know at once it leaves alone, and the library decides and finds the words.
type flat struct {
	fields   []flatField
	required uint64 // a bit for each field that must be there
}

type flatField struct {
	place    int    // in the struct
	name     string // as JSON, in quotes
	kind     reflect.Kind
	omitzero bool
}

// maxFlat bounds the fields of a flat struct: there is a bit for each.
const maxFlat = 64

// flatten returns the flat form of a type; nil if it has none.
func flatten(typ reflect.Type) *flat {
	if typ.Kind() != reflect.Struct || typ.NumField() > maxFlat || hasOwnJSON(typ) {
		return nil
	}
	f := &flat{}
	for i := range typ.NumField() {
		field := typ.Field(i)
		if !field.IsExported() && !field.Anonymous && field.Tag == "" {
			continue // the library does not see it either
		}
		name, option, _ := strings.Cut(field.Tag.Get("json"), ",")
		plainName := name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
		if !field.IsExported() || field.Anonymous || !plainName || option != "" && option != "omitzero" || !slices.Contains(flatTypes, field.Type) {
			return nil
		}
		quoted := strconv.Quote(name)
		if slices.ContainsFunc(f.fields, func(other flatField) bool { return other.name == quoted }) {
			return nil
		}
		f.fields = append(f.fields, flatField{i, quoted, field.Type.Kind(), option != ""})
	}
	return f
}

// flatTypes are the types of a flat struct's fields. Types of another name may
// have a JSON form of their own.
var flatTypes = []reflect.Type{
	reflect.TypeFor[string](), reflect.TypeFor[bool](), reflect.TypeFor[int](), reflect.TypeFor[int64](), reflect.TypeFor[float64](),
}

// hasOwnJSON reports whether a type decides itself how it is read or written.
func hasOwnJSON(typ reflect.Type) bool {
	typ = reflect.PointerTo(typ)
	return slices.ContainsFunc([]reflect.Type{
		reflect.TypeFor[json.Marshaler](), reflect.TypeFor[json.MarshalerTo](),
		reflect.TypeFor[json.Unmarshaler](), reflect.TypeFor[json.UnmarshalerFrom](),
		reflect.TypeFor[encoding.TextMarshaler](), reflect.TypeFor[encoding.TextAppender](),
		reflect.TypeFor[encoding.TextUnmarshaler](),
	}, typ.Implements)
}

// flattenInput is flatten for an input that is held to a schema: there is none
// unless the schema is of an object that has these fields and no others, and
// says nothing more of them.
func flattenInput(typ reflect.Type, schema *jsonschema.Schema) *flat {
	f := flatten(typ)
	if f == nil || schema.Type != "object" || len(schema.Properties) != len(f.fields) ||
		!reflect.DeepEqual(schema.AdditionalProperties, &jsonschema.Schema{Not: &jsonschema.Schema{}}) {
		return nil
	}
	rest := *schema
	rest.Type, rest.Properties, rest.Required, rest.AdditionalProperties = "", nil, nil, nil
	if !onlyDescribes(rest) {
		return nil
	}
	for i, field := range f.fields {
		name := strings.Trim(field.name, `"`)
		property := schema.Properties[name]
		if property == nil || property.Type != schemaTypes[field.kind] {
			return nil
		}
		rest := *property
		rest.Type = ""
		if !onlyDescribes(rest) {
			return nil
		}
		if slices.Contains(schema.Required, name) {
			f.required |= 1 << i
		}
	}
	return f
}

var schemaTypes = map[reflect.Kind]string{
	reflect.String: "string", reflect.Bool: "boolean", reflect.Int: "integer", reflect.Int64: "integer", reflect.Float64: "number",
}

// onlyDescribes reports whether no keyword of a schema refuses anything.
func onlyDescribes(s jsonschema.Schema) bool {
	s.Title, s.Description, s.Extra, s.PropertyOrder = "", "", nil, nil
	return reflect.DeepEqual(s, jsonschema.Schema{})
}

// read reads arguments into in, a struct of the type, and reports whether they
// surely fit. If not, there may be anything in it.
func (f *flat) read(arguments jsontext.Value, in reflect.Value) bool {
	s := scanner{text: arguments}
	if !s.take('{') {
		return false
	}
	var seen uint64
	for first := true; !s.take('}'); first = false {
		if !first && !s.take(',') {
			return false
		}
		name, _ := s.quoted()
		i := slices.IndexFunc(f.fields, func(f flatField) bool { return f.name == string(name) })
		if i < 0 || seen&(1<<i) != 0 || !s.take(':') || !f.fields[i].read(&s, in.Field(f.fields[i].place)) {
			return false
		}
		seen |= 1 << i
	}
	return s.atEnd() && seen&f.required == f.required
}

func (f *flatField) read(s *scanner, value reflect.Value) bool {
	switch f.kind {
	case reflect.String:
		text, ok := s.string()
		value.SetString(text)
		return ok
	case reflect.Bool:
		yes, ok := s.bool()
		value.SetBool(yes)
		return ok
	}
	return readNumber(s, value)
}

// readNumber is strict: what is long or has an exponent may be too large.
func readNumber(s *scanner, value reflect.Value) bool {
	if value.Kind() == reflect.Float64 {
		n, err := strconv.ParseFloat(string(s.number(true)), 64)
		value.SetFloat(n)
		return err == nil
	}
	n, err := strconv.ParseInt(string(s.number(false)), 10, 64)
	if err != nil || value.OverflowInt(n) {
		return false
	}
	value.SetInt(n)
	return true
}

// write writes the JSON of out, a struct of the type, into an empty text; false if that is for the
// library: text that is no UTF-8, a number that is none.
func (f *flat) write(text jsontext.Value, out reflect.Value) (jsontext.Value, bool) {
	text = append(text, '{')
	for i := range f.fields {
		field := &f.fields[i]
		value := out.Field(field.place)
		if field.omitzero && value.IsZero() {
			continue
		}
		if len(text) > 1 {
			text = append(text, ',')
		}
		var ok bool
		if text, ok = appendScalar(append(append(text, field.name...), ':'), value); !ok {
			return nil, false
		}
	}
	return append(text, '}'), true
}

func appendScalar(text jsontext.Value, value reflect.Value) (jsontext.Value, bool) {
	switch value.Kind() {
	case reflect.String:
		text, err := AppendQuote(text, value.String())
		return text, err == nil
	case reflect.Bool:
		return strconv.AppendBool(text, value.Bool()), true
	case reflect.Float64:
		n := value.Float()
		return append(text, jsontext.Float(n).String()...), n-n == 0 // neither infinity nor NaN is JSON
	default:
		return strconv.AppendInt(text, value.Int(), 10), true
	}
}
