package tools

import (
	"bytes"
	"reflect"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/jsonschema-go/jsonschema"
)

// flat is the schema of an object of strings, numbers and booleans that allows
// no others and says nothing more of them: what most tools take. To see that
// arguments fit it needs no reflection. It only ever says yes: whatever it does
// not know at once is for the schema's own validator, which finds the words too.
type flat struct {
	fields   []flatField
	required int // how many of them
}

type flatField struct {
	name     string // in quotes
	kind     jsontext.Kind
	integer  bool
	required bool
}

// flatten returns the flat form of a schema; nil if it has none.
func flatten(schema *jsonschema.Schema) *flat {
	if schema.AdditionalProperties == nil || !reflect.DeepEqual(schema.AdditionalProperties, &jsonschema.Schema{Not: &jsonschema.Schema{}}) {
		return nil
	}
	rest := *schema
	rest.Type, rest.Properties, rest.Required, rest.AdditionalProperties = "", nil, nil, nil
	if schema.Type != "object" || !onlyDescribes(rest) {
		return nil
	}
	f := &flat{required: len(schema.Required)}
	for name, property := range schema.Properties {
		field := flatField{
			name: strconv.Quote(name), integer: property.Type == "integer", required: slices.Contains(schema.Required, name),
		}
		switch property.Type {
		case "string":
			field.kind = '"'
		case "number", "integer":
			field.kind = '0'
		case "boolean":
			field.kind = 't'
		default:
			return nil
		}
		rest := *property
		rest.Type = ""
		if !onlyDescribes(rest) {
			return nil
		}
		f.fields = append(f.fields, field)
	}
	return f
}

// onlyDescribes reports whether no keyword of a schema refuses anything.
func onlyDescribes(s jsonschema.Schema) bool {
	s.Title, s.Description, s.Extra, s.PropertyOrder = "", "", nil, nil
	return reflect.DeepEqual(s, jsonschema.Schema{})
}

// fits reports whether arguments, which are valid JSON, surely fit.
func (f *flat) fits(arguments jsontext.Value) bool {
	if f == nil || arguments.Kind() != '{' {
		return false
	}
	missing := f.required
	for m := MembersOf(arguments); m.Next(); {
		i := slices.IndexFunc(f.fields, func(f flatField) bool { return string(m.Name) == f.name })
		if i < 0 || !f.fields[i].fits(m.Value) {
			return false
		}
		if f.fields[i].required {
			missing--
		}
	}
	return missing == 0
}

// fits is strict with numbers: what is long or has an exponent may be too large.
func (f flatField) fits(value jsontext.Value) bool {
	switch kind := value.Kind(); {
	case kind == 'f':
		return f.kind == 't'
	case kind != f.kind:
		return false
	case kind == '0':
		return len(value) <= 32 && !bytes.ContainsAny(value, "eE") && !(f.integer && bytes.IndexByte(value, '.') >= 0)
	}
	return true
}
