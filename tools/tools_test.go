package tools_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/go-json-experiment/json/jsontext"

	"mcp-oauth-server/tools"
	"mcp-oauth-server/tools/echo"
	"mcp-oauth-server/tools/stockprice"
	"mcp-oauth-server/tools/sum"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type none struct{}

// toolFunc is a tool without input or output that does what f does.
func toolFunc(name string, f func(c *tools.Context) error) tools.Tool {
	return tools.New(tools.Spec{Name: name, Title: "Test", Description: "A test."},
		func(c *tools.Context, _ none) (none, error) { return none{}, f(c) })
}

// call calls the only tool of a registry and returns what was logged.
func call(ctx context.Context, t *testing.T, tool tools.Tool, arguments string) (tools.Result, string, error) {
	t.Helper()
	registry, err := tools.NewRegistry(tool)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	result, err := registry.Call(ctx, tools.Call{
		Name: tool.Name, Arguments: jsontext.Value(arguments), Caller: tools.Caller{Subject: "alice"},
		RequestID: tools.RequestID{Process: "r", Number: 1}, Log: slog.New(slog.NewJSONHandler(&log, nil)),
	})
	return result, log.String(), err
}

// TestNewRegistry: a bad tool is refused at start-up, by name.
func TestNewRegistry(t *testing.T) {
	named := func(name string) tools.Tool { return toolFunc(name, func(*tools.Context) error { return nil }) }
	spec := tools.Spec{Name: "x", Title: "X", Description: "X."}
	tests := []struct {
		name  string
		tools []tools.Item
		want  string // "" if it is accepted
	}{
		{"none", nil, ""},
		{"two", []tools.Item{named("a"), named("b")}, ""},
		{"every letter", []tools.Item{named("aZ09_.-")}, ""},
		{"64 letters", []tools.Item{named(strings.Repeat("a", 64))}, ""},
		{"65 letters", []tools.Item{named(strings.Repeat("a", 65))}, "name must be"},
		{"no name", []tools.Item{named("")}, "name must be"},
		{"space", []tools.Item{named("a b")}, "name must be"},
		{"line end", []tools.Item{named("a\n")}, "name must be"},
		{"twice", []tools.Item{named("a"), named("b"), named("a")}, `"a" is registered twice`},
		{"zero", []tools.Item{tools.Tool{}}, "not built by tools.New"},
		{"no title", []tools.Item{tools.New(tools.Spec{Name: "x", Description: "X."}, func(*tools.Context, none) (n none, err error) { return })}, "title is missing"},
		{"no description", []tools.Item{tools.New(tools.Spec{Name: "x", Title: "X"}, func(*tools.Context, none) (n none, err error) { return })}, "description is missing"},
		{"input no struct", []tools.Item{tools.New(spec, func(*tools.Context, string) (n none, err error) { return })}, "input: string is not a struct"},
		{"output no struct", []tools.Item{tools.New(spec, func(*tools.Context, none) (n []int, err error) { return })}, "output: []int is not a struct"},
		{"no schema", []tools.Item{tools.New(spec, func(*tools.Context, struct{ C chan int }) (n none, err error) { return })}, "input: no JSON schema"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := tools.NewRegistry(tt.tools...)
			switch {
			case tt.want == "" && err != nil:
				t.Fatal(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Fatalf("got %v, want %s", err, tt.want)
			case tt.want == "":
				for i, tool := range r.Tools() {
					if tool.Name != tt.tools[i].(tools.Tool).Name {
						t.Errorf("tool %d is %s, want %s: the order is not kept", i, tool.Name, tt.tools[i].(tools.Tool).Name)
					}
				}
			}
		})
	}
}

// TestArguments: what does not fit the schema never reaches the handler.
func TestArguments(t *testing.T) {
	type inner struct {
		N int `json:"n"`
	}
	type input struct {
		S     string   `json:"s"`
		Count int      `json:"count,omitzero"`
		List  []string `json:"list,omitzero"`
		Inner inner    `json:"inner,omitzero"`
	}
	reached := false
	tool := tools.New(tools.Spec{Name: "x", Title: "X", Description: "X."},
		func(_ *tools.Context, in input) (none, error) { reached = true; return none{}, nil })
	tests := []struct{ arguments, want string }{
		{`{"s":"x"}`, ""},
		{`{"s":"","count":3,"list":["a"],"inner":{"n":1}}`, ""},
		{`{"s":"x","count":3.0}`, `argument count: the value does not fit`}, // an integer to JSON Schema, not to Go
		{``, `missing arguments: ["s"]`},
		{`{}`, `missing arguments: ["s"]`},
		{`{"S":"x"}`, `unknown arguments ["S"]`},
		{`{"s":"x","__proto__":{}}`, `unknown arguments ["__proto__"]`},
		{`{"s":"x","\u017f":"y"}`, `unknown arguments`},
		{`{"s":1}`, `argument s: type: 1 has type "integer", want "string"`},
		{`{"s":null}`, `argument s: type`},
		{`{"s":"x","count":1.5}`, `argument count: type: 1.5 has type "number", want "integer"`},
		{`{"s":"x","count":1e30}`, `argument count: the value does not fit`},
		{`{"s":"x","count":1e999}`, `not valid JSON`},
		{`{"s":"x","inner":{"n":1,"m":2}}`, `unknown arguments ["m"]`},
		{`{"s":"x","inner":{}}`, `missing arguments: ["n"]`},
		{`{"s":"x","list":"a"}`, `argument list`},
		{`{"s":"x","s":"y"}`, `not valid JSON`},
		{"{\"s\":\"\xff\"}", `not valid JSON`},
		{`{"s":"x"} {}`, `not valid JSON`},
		{`[]`, `want "object"`},
		{`null`, `want "object"`},
		{`{"s":[` + strings.Repeat(`"long",`, 1000) + `1]}`, `…`},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%.40s", tt.arguments), func(t *testing.T) {
			reached = false
			_, _, err := call(t.Context(), t, tool, tt.arguments)
			bad, isBad := errors.AsType[*tools.ArgumentError](err)
			switch {
			case tt.want == "":
				if err != nil || !reached {
					t.Fatalf("refused: %v", err)
				}
			case !isBad || reached:
				t.Fatalf("got %v, handler reached: %v", err, reached)
			case !strings.Contains(bad.Error(), tt.want) || len(bad.Error()) > 500:
				t.Errorf("got %s, want %s", bad, tt.want)
			}
		})
	}
}

// TestBrokenHandlers: whatever a handler does, the caller gets an answer that
// tells no detail, and the log gets the detail.
func TestBrokenHandlers(t *testing.T) {
	tests := []struct {
		name  string
		do    func(*tools.Context) error
		event string
	}{
		{"panic", func(*tools.Context) error { panic("SECRET") }, "tool_panic"},
		{"nil map", func(*tools.Context) error { var m map[string]int; m["SECRET"] = 1; return nil }, "tool_panic"},
		{"internal error", func(*tools.Context) error { return fmt.Errorf("SECRET: %w", tools.ErrInternal) }, "tool_error"},
		{"end of goroutine", func(*tools.Context) error { runtime.Goexit(); return nil }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			result, log, err := call(t.Context(), t, toolFunc("x", tt.do), "")
			if !errors.Is(err, tools.ErrInternal) || err.Error() != "internal error" || result.Text != "" {
				t.Errorf("got %+v, %v", result, err)
			}
			if tt.event != "" && (!strings.Contains(log, `"event":"`+tt.event+`"`) || !strings.Contains(log, `"request_id":"r-1"`)) {
				t.Errorf("the log lacks %s: %s", tt.event, log)
			}
		})
	}
}

// TestHandlerError: an ordinary error is for the model.
func TestHandlerError(t *testing.T) {
	tool := toolFunc("x", func(c *tools.Context) error { return fmt.Errorf("sorry, %s\xff", c.Caller.Subject) })
	result, log, err := call(t.Context(), t, tool, "")
	if err != nil || !result.IsError || result.Text != "sorry, alice\uFFFD" || result.Structured != nil || log != "" {
		t.Errorf("got %+v, %v, log %s", result, err, log)
	}
}

// TestOutputCap: the largest output passes, one byte more does not, whether it is
// written the short way or by the library.
func TestOutputCap(t *testing.T) {
	type out struct {
		S string `json:"s"`
	}
	type list struct {
		L []string `json:"l"`
	}
	spec := tools.Spec{Name: "x", Title: "X", Description: "X."}
	for text, tool := range map[string]tools.Tool{
		`{"s":"12345"}`:     tools.New(spec, func(*tools.Context, none) (out, error) { return out{"12345"}, nil }),
		`{"l":["12","34"]}`: tools.New(spec, func(*tools.Context, none) (list, error) { return list{[]string{"12", "34"}}, nil }),
	} {
		size := 2 * len(text) // as data and as text
		for limit := range size + 2 {
			registry, err := tools.NewRegistry(tool)
			if err != nil {
				t.Fatal(err)
			}
			registry.MaxOutput = limit
			var log bytes.Buffer
			result, err := registry.Call(t.Context(), tools.Call{Name: "x", Log: slog.New(slog.NewJSONHandler(&log, nil))})
			fits := limit >= size
			if fits != (err == nil) || fits == strings.Contains(log.String(), "tool_output") || fits && string(result.Structured) != text {
				t.Errorf("limit %d of %d: got %v, %s, log %s", limit, size, err, result.Structured, log.String())
			}
		}
	}
}

// TestTimeout: a tool has 30 seconds, whether it watches its context or not.
func TestTimeout(t *testing.T) {
	for _, watches := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			tool := toolFunc("x", func(c *tools.Context) error {
				if watches {
					<-c.Done()
					return c.Err()
				}
				<-release
				panic("after the answer")
			})
			start := time.Now()
			result, _, err := call(t.Context(), t, tool, "")
			if took := time.Since(start); err != nil || !result.IsError || !strings.Contains(result.Text, "in time") || took != 30*time.Second {
				t.Errorf("watches %v: got %+v, %v after %s", watches, result, err, took)
			}
			close(release)
			synctest.Wait() // the late panic is caught too
		})
	}
}

// TestCallerLeaves: the tool's context ends when the caller's does.
func TestCallerLeaves(t *testing.T) {
	ctx, leave := context.WithCancel(t.Context())
	tool := toolFunc("x", func(c *tools.Context) error {
		leave()
		<-c.Done()
		return c.Err()
	})
	if _, _, err := call(ctx, t, tool, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestUnknownTool: a name that is not registered, and one that is in other case.
func TestUnknownTool(t *testing.T) {
	registry, err := tools.NewRegistry(echo.Tool())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "Echo", "echo\x00", "nope"} {
		if _, err := registry.Call(t.Context(), tools.Call{Name: name, Log: slog.Default()}); !errors.Is(err, tools.ErrUnknownTool) {
			t.Errorf("%q: got %v", name, err)
		}
	}
}

// TestOutputsFitTheirSchemas: every tool's structured content is what its
// output schema promises, and schemas have descriptions without a prefix.
func TestOutputsFitTheirSchemas(t *testing.T) {
	tests := []struct {
		tool       tools.Tool
		arguments  []string
		properties []string
	}{
		{echo.Tool(), []string{`{"message":""}`, `{"message":"\u2028\u0000ß"}`}, []string{"echoed_message"}},
		{sum.Tool(), []string{`{"a":0,"b":-0.0}`, `{"a":1e308,"b":-1e308}`, `{"a":0.1,"b":0.2}`}, []string{"result"}},
		{stockprice.Tool(time.Now, rand.Float64), []string{`{"symbol":"aapl"}`}, []string{"symbol", "price", "currency", "last_updated"}},
	}
	for _, tt := range tests {
		if schemas := string(tt.tool.InputSchema) + string(tt.tool.OutputSchema); strings.Contains(schemas, `"description:`) ||
			strings.Count(schemas, `"additionalProperties":false`) != 2 {
			t.Errorf("%s: got schemas %s", tt.tool.Name, schemas)
		}
		for _, arguments := range tt.arguments {
			result, _, err := call(t.Context(), t, tt.tool, arguments)
			if err != nil || result.IsError {
				t.Errorf("%s%s: got %+v, %v", tt.tool.Name, arguments, result, err)
				continue
			}
			if err := tt.tool.CheckOutput(result.Structured); err != nil {
				t.Error(err)
			}
			for _, property := range tt.properties {
				if !strings.Contains(string(result.Structured), `"`+property+`":`) {
					t.Errorf("%s: %s lacks %s", tt.tool.Name, result.Structured, property)
				}
			}
		}
		if err := tt.tool.CheckOutput(jsontext.Value(`{"surprise":1}`)); err == nil {
			t.Errorf("%s: its output schema accepts anything", tt.tool.Name)
		}
	}
}
