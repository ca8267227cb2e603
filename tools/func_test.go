package tools_test

import (
	"bytes"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"mcp-oauth-server/tools"
)

// TestNewFunc: a tool that only computes is held to what all tools are held to,
// where it is called.
func TestNewFunc(t *testing.T) {
	type input struct {
		What string `json:"what"`
	}
	type output struct {
		Said string `json:"said"`
	}
	spec := tools.Spec{Name: "f", Title: "F", Description: "F."}
	f := tools.NewFunc(spec, func(in input) (output, error) {
		switch in.What {
		case "fail":
			return output{}, errors.New("ask for something else")
		case "break":
			panic("secret detail")
		case "flood":
			return output{strings.Repeat("x", 5<<20)}, nil
		}
		return output{in.What}, nil
	})
	registry, err := tools.NewRegistry(f)
	if err != nil {
		t.Fatal(err)
	}
	found, ok := registry.Tool(tools.Caller{}, []byte("f"))
	if !ok || !found.Computes() {
		t.Fatalf("%+v, %v", found, ok)
	}
	for _, c := range []struct {
		arguments, text string
		isError         bool
		err             error
		event           string
	}{
		{`{"what":"a"}`, `{"said":"a"}`, false, nil, ""},
		{`{"what":"b"}`, `{"said":"b"}`, false, nil, ""}, // nothing is left of the run before
		{`{"what":"fail"}`, "ask for something else", true, nil, ""},
		{`{"what":"break"}`, "", false, tools.ErrInternal, "tool_panic"},
		{`{"what":"flood"}`, "", false, tools.ErrInternal, "tool_output"},
		{`{"what":"c"}`, `{"said":"c"}`, false, nil, ""},
	} {
		var log bytes.Buffer
		got, err := registry.Call(t.Context(), tools.Call{
			Name: "f", Arguments: []byte(c.arguments), Log: slog.New(slog.NewJSONHandler(&log, nil)),
		})
		if got.Text != c.text || got.IsError != c.isError || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
			t.Errorf("%s: %+v, %v", c.arguments, got, err)
		}
		for _, room := range []int{0, 12, 100} { // none, too little, enough
			computed := tools.Result{Structured: make([]byte, 0, room)}
			again := registry.Compute(found, []byte(c.arguments), tools.RequestID{}, slog.New(slog.DiscardHandler), &computed)
			if !reflect.DeepEqual(again, err) || computed.Text != got.Text || computed.IsError != got.IsError || !bytes.Equal(computed.Structured, got.Structured) {
				t.Errorf("%s, computed with room for %d: %+v, %v; called: %+v, %v", c.arguments, room, computed, again, got, err)
			}
		}
		if c.event == "" && log.Len() > 0 || !strings.Contains(log.String(), c.event) {
			t.Errorf("%s: logs %s", c.arguments, &log)
		}
	}
	_, err = registry.Call(t.Context(), tools.Call{Name: "f", Arguments: []byte(`{"what":1}`)})
	if _, bad := errors.AsType[*tools.ArgumentError](err); !bad {
		t.Errorf("bad arguments: %v", err)
	}
	spec.Logs = true
	if _, err := tools.NewRegistry(tools.NewFunc(spec, func(input) (output, error) { return output{}, nil })); err == nil {
		t.Error("a function that logs is registered")
	}
}

// TestComputeContents: contents have no structured data, also not an empty text of
// it, which would be written out.
func TestComputeContents(t *testing.T) {
	spec := tools.Spec{Name: "f", Title: "F", Description: "F."}
	registry, err := tools.NewRegistry(tools.NewFunc(spec, func(struct{}) (tools.Contents, error) {
		return tools.Contents{tools.Text{Text: "a"}}, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	f, _ := registry.Tool(tools.Caller{}, []byte("f"))
	result := tools.Result{Structured: make([]byte, 0, 100)}
	err = registry.Compute(f, []byte(`{}`), tools.RequestID{}, slog.New(slog.DiscardHandler), &result)
	if err != nil || len(result.Contents) != 1 || result.Structured != nil {
		t.Errorf("%+v, structured %#v, %v", result, result.Structured, err)
	}
}
