package tools

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// errTooLarge says that an output is over the registry's MaxOutput.
var errTooLarge = errors.New("the output is too large")

func tooLarge(most int) error { return fmt.Errorf("%w: at most %d bytes", errTooLarge, most) }

// checkSize holds an output to the bound.
func checkSize(size, most int) error {
	if size > most {
		return fmt.Errorf("%w: %d bytes, at most %d", errTooLarge, size, most)
	}
	return nil
}

// bounded is a buffer that refuses what is over its bound, so that the encoder
// stops: a tool that has read the wrong file has the memory for that already,
// and the JSON of it would be several times as much.
type bounded struct {
	text jsontext.Value
	most int
}

func (b *bounded) Write(p []byte) (int, error) {
	if len(b.text)+len(p) > b.most {
		return 0, tooLarge(b.most)
	}
	b.text = append(b.text, p...)
	return len(p), nil
}

// encode returns the JSON of an output; the error is errTooLarge if it has more
// than most bytes.
func encode(out any, most int) (jsontext.Value, error) {
	b := bounded{most: most}
	if err := json.MarshalWrite(&b, out, deterministic); err != nil {
		return nil, err
	}
	return b.text, nil
}

// exceeds reports whether the strings of a flat struct alone are over the bound:
// that is seen without writing any.
func (f *flat) exceeds(out reflect.Value, most int) bool {
	for i := range f.fields {
		if f.fields[i].kind == reflect.String {
			most -= out.Field(f.fields[i].place).Len()
		}
	}
	return most < 0
}
