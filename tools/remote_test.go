package tools_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"mcp-oauth-server/tools"
)

// able is a client that offers everything and is never asked.
type able struct{ tools.Client }

func (able) Can(tools.Abilities) bool { return true }
func (able) Return()                  {}

// TestSchemasAreNeverFetched: neither a tool's schema nor what a client sends
// makes the server ask another one, however it names it.
func TestSchemasAreNeverFetched(t *testing.T) {
	var asked atomic.Int64
	canary := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Write([]byte(`{"type":"string"}`)) //nolint:errcheck // what matters is that it was asked
	}))
	defer canary.Close()
	spec := tools.Spec{Name: "x", Title: "X", Description: "X."}
	given := func(schema string) tools.Tool {
		s := spec
		s.Schema = jsontext.Value(strings.ReplaceAll(schema, "URL", canary.URL))
		return tools.New(s, func(*tools.Context, jsontext.Value) (none, error) { return none{}, nil })
	}
	t.Run("of a tool", func(t *testing.T) {
		for schema, refused := range map[string]bool{
			`{"type":"object","properties":{"a":{"$ref":"URL"}}}`:                true,
			`{"type":"object","properties":{"a":{"$ref":"URL#/$defs/a"}}}`:       true,
			`{"$id":"URL/","type":"object","properties":{"a":{"$ref":"other"}}}`: true,
			`{"type":"object","properties":{"a":{"$dynamicRef":"URL"}}}`:         true,
			`{"type":"object","allOf":[{"$ref":"URL"}]}`:                         true,
			`{"$schema":"URL","type":"object"}`:                                  false,
			`{"$id":"URL","type":"object"}`:                                      false, // names itself, and nothing to fetch
		} {
			tool := given(schema)
			_, err := tools.NewRegistry(tool)
			if (err != nil) != refused {
				t.Errorf("%s: got %v", schema, err)
			}
			if err == nil { // what it says of arguments does not matter
				_, _, _ = call(t.Context(), t, tool, `{"a":"x"}`)
			}
		}
	})
	t.Run("of a question", func(t *testing.T) {
		form := tools.Form{Message: "?", Schema: jsontext.Value(`{"type":"object","properties":{"a":{"$ref":"` + canary.URL + `"}}}`)}
		r := registry(t, toolFunc("x", func(c *tools.Context) error { return c.Ask(&form) }))
		_, err := r.Call(t.Context(), tools.Call{Name: "x", Client: able{}, Log: slog.New(slog.DiscardHandler)})
		if !errors.Is(err, tools.ErrInternal) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("of a client", func(t *testing.T) {
		type input struct {
			A string `json:"a"`
		}
		reached := false
		tool := tools.New(spec, func(*tools.Context, input) (none, error) { reached = true; return none{}, nil })
		for _, key := range []string{"$ref", "$schema", "$id", "$dynamicRef", "$defs", "__proto__", "constructor"} {
			for _, arguments := range []string{`{"a":"x",%q:%q}`, `{"a":{%q:%q}}`} {
				_, _, err := call(t.Context(), t, tool, fmt.Sprintf(arguments, key, canary.URL))
				if _, bad := errors.AsType[*tools.ArgumentError](err); !bad || reached {
					t.Errorf("%s: got %v, handler reached: %t", key, err, reached)
				}
			}
		}
	})
	if n := asked.Load(); n > 0 {
		t.Errorf("another server was asked %d times", n)
	}
}
