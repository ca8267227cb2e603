package tools

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// form is how the output of a tool is shown, found out once from its type.
type form struct {
	contents  bool  // it is Contents
	contenter bool  // it has contents besides its data
	stringer  bool  // it says its own text
	flat      *flat // the short way to its JSON; nil if there is none
}

func formOf[Out any]() *form {
	typ := reflect.TypeFor[Out]()
	return &form{
		contents:  typ == reflect.TypeFor[Contents](),
		contenter: typ.Implements(reflect.TypeFor[Contenter]()),
		stringer:  typ.Implements(reflect.TypeFor[fmt.Stringer]()),
		flat:      flatten(typ),
	}
}

// render makes the output that out points to the result, whose Structured may have
// room. The error is errTooLarge as soon as it is seen to have more than most bytes
// of JSON and text.
func (f *form) render(out any, result *Result, most int) (err error) {
	if f.contents {
		result.Structured = nil                                   // none, which is not an empty one
		result.Contents = append(Contents{}, *out.(*Contents)...) // never nil: that would mean a text
		return nil
	}
	if result.Structured, err = f.marshal(result.Structured[:0], out, most); err != nil {
		return fmt.Errorf("output is not JSON: %w", err)
	}
	switch {
	case f.contenter:
		result.Contents = append(Contents{}, out.(Contenter).Contents()...)
	case f.stringer:
		result.Text = strings.ToValidUTF8(out.(fmt.Stringer).String(), "\uFFFD")
	case 2*len(result.Structured) > most:
		return tooLarge(most)
	default:
		result.Text = string(result.Structured)
	}
	return nil
}

var deterministic = json.Deterministic(true)

// marshal writes the JSON of what out points to into the room, if that is enough.
func (f *form) marshal(room jsontext.Value, out any, most int) (jsontext.Value, error) {
	if f.flat != nil {
		value := reflect.ValueOf(out).Elem()
		if f.flat.exceeds(value, most) {
			return nil, tooLarge(most)
		}
		if text, ok := f.flat.write(slices.Grow(room, 64), value); ok {
			return text, nil
		}
	}
	return encode(out, most)
}
