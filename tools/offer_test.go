package tools_test

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-oauth-server/tools"
)

func registry(t *testing.T, items ...tools.Item) *tools.Registry {
	t.Helper()
	r, err := tools.NewRegistry(items...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// resource is one with the URI and the input In.
func resource[In any](uri string) tools.Resource {
	return tools.NewResource(tools.ResourceSpec{URI: uri, Name: "n", Title: "T"},
		func(_ *tools.Context, in In) ([]tools.ResourceContent, error) {
			return []tools.ResourceContent{{Text: fmt.Sprintf("%+v", in)}}, nil
		})
}

type idOnly struct {
	ID string `json:"id"`
}

type ownerAndID struct {
	Owner string `json:"owner"`
	ID    string `json:"id"`
}

// TestRegisterOffers: a bad resource or prompt is refused at start-up, by name.
func TestRegisterOffers(t *testing.T) {
	prompt := func(name string) tools.Prompt {
		return tools.NewPrompt(tools.PromptSpec{Name: name, Title: "T", Description: "D."},
			func(*tools.Context, idOnly) ([]tools.Message, error) { return nil, nil })
	}
	tests := []struct {
		name  string
		items []tools.Item
		want  string
	}{
		{"fixed", []tools.Item{resource[none]("a:b")}, ""},
		{"template", []tools.Item{resource[idOnly]("a://b/{id}")}, ""},
		{"two variables", []tools.Item{resource[ownerAndID]("a://{owner}/{id}.txt?x#y")}, ""},
		{"relative", []tools.Item{resource[none]("/b")}, "neither an absolute URI"},
		{"empty", []tools.Item{resource[none]("")}, "neither an absolute URI"},
		{"open brace", []tools.Item{resource[none]("a:b/{id")}, "neither an absolute URI"},
		{"operator", []tools.Item{resource[idOnly]("a:b/{+id}")}, "neither an absolute URI"},
		{"side by side", []tools.Item{resource[ownerAndID]("a:{owner}{id}")}, "side by side"},
		{"same variable", []tools.Item{resource[idOnly]("a:{id}/{id}")}, "comes twice"},
		{"other variable", []tools.Item{resource[idOnly]("a:{name}")}, "wants others"},
		{"variable too many", []tools.Item{resource[none]("a:{id}")}, "wants others"},
		{"variable missing", []tools.Item{resource[idOnly]("a:b")}, "wants others"},
		{"no string", []tools.Item{resource[struct {
			ID int `json:"id"`
		}]("a:{id}")}, "not a string"},
		{"zero resource", []tools.Item{tools.Resource{}}, "not built by"},
		{"resource twice", []tools.Item{resource[none]("a:b"), resource[none]("a:b")}, "registered twice"},
		{"resource without a name", []tools.Item{tools.NewResource(tools.ResourceSpec{URI: "a:b"},
			func(*tools.Context, none) ([]tools.ResourceContent, error) { return nil, nil })}, "name and title"},
		{"unknown variable completed", []tools.Item{resource[idOnly]("a:{id}").Completing("x", nil)}, `no variable "x"`},
		{"prompt", []tools.Item{prompt("p")}, ""},
		{"bad prompt name", []tools.Item{prompt("p p")}, "name must be"},
		{"prompt twice", []tools.Item{prompt("p"), prompt("p")}, "registered twice"},
		{"zero prompt", []tools.Item{tools.Prompt{}}, "not built by"},
		{"unknown argument completed", []tools.Item{prompt("p").Completing("x", nil)}, `no argument "x"`},
		{"prompt and tool of one name", []tools.Item{prompt("p"), toolFunc("p", nil)}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tools.NewRegistry(tt.items...)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// TestRead: which resource a URI is, and with which variables.
func TestRead(t *testing.T) {
	r := registry(t,
		resource[idOnly]("note://x/{id}"),
		resource[ownerAndID]("note://{owner}/{id}/text"),
		resource[none]("note://x/fixed"),
		resource[idOnly]("a.b:({id})"),
	)
	tests := []struct{ uri, want string }{ // "" if there is none
		{"note://x/1", "{ID:1}"},
		{"note://x/fixed", "{}"},
		{"note://x/", ""},
		{"note://x/1/2", ""},
		{"note://x/1?q", ""},
		{"note://x/1\n", "{ID:1\n}"}, // the handler's to judge, like any text
		{"NOTE://x/1", ""},
		{"note://x/a%20b", "{ID:a b}"},
		{"note://x/..%2F..", "{ID:../..}"},
		{"note://x/%", ""},
		{"note://x/%ff", ""}, // no UTF-8
		{"note://y/1/text", "{Owner:y ID:1}"},
		{"note://y/1/texts", ""},
		{"a.b:(1)", "{ID:1}"},
		{"axb:(1)", ""},
		{"note://{owner}/{id}/text", "{Owner:{owner} ID:{id}}"},
		{"", ""},
	}
	for _, tt := range tests {
		got, err := r.Read(t.Context(), tools.Call{Name: tt.uri, Log: slog.Default()})
		switch {
		case tt.want == "":
			if !errors.Is(err, tools.ErrNotFound) {
				t.Errorf("%q: got %v, %v", tt.uri, got, err)
			}
		case err != nil || len(got) != 1 || got[0].Text != tt.want || got[0].URI != tt.uri:
			t.Errorf("%q: got %+v, %v; want %s", tt.uri, got, err, tt.want)
		}
		if r.Readable(tools.Caller{}, tt.uri) != (tt.want != "") && tt.uri != "note://x/%ff" {
			t.Errorf("%q: Readable says otherwise", tt.uri)
		}
	}
}

// TestAllow: what is somebody else's does not exist, wherever one looks.
func TestAllow(t *testing.T) {
	mine := func(c tools.Caller) bool { return c.Subject == "alice" }
	tool := tools.New(tools.Spec{Name: "x", Title: "X", Description: "X.", Allow: mine},
		func(*tools.Context, none) (none, error) { return none{}, nil })
	res := tools.NewResource(tools.ResourceSpec{URI: "a:b", Name: "n", Title: "T", Allow: mine},
		func(*tools.Context, none) ([]tools.ResourceContent, error) { return []tools.ResourceContent{{}}, nil })
	template := tools.NewResource(tools.ResourceSpec{URI: "a:{id}/x", Name: "n", Title: "T", Allow: mine},
		func(*tools.Context, idOnly) ([]tools.ResourceContent, error) {
			return []tools.ResourceContent{{}}, nil
		})
	prompt := tools.NewPrompt(tools.PromptSpec{Name: "p", Title: "P", Description: "P.", Allow: mine},
		func(*tools.Context, idOnly) ([]tools.Message, error) { return nil, nil })
	r := registry(t, tool, res, template, prompt)
	for _, user := range []string{"alice", "bob", ""} {
		caller := tools.Caller{Subject: user}
		call := func(name string) tools.Call {
			return tools.Call{Name: name, Arguments: jsontext.Value(`{"id":"1"}`), Caller: caller, Log: slog.Default()}
		}
		_, called := r.Call(t.Context(), tools.Call{Name: "x", Caller: caller, Log: slog.Default()})
		_, read := r.Read(t.Context(), call("a:b"))
		_, expanded := r.Read(t.Context(), call("a:1/x"))
		_, _, written := r.Prompt(t.Context(), call("p"))
		_, completedPrompt := r.Complete(t.Context(), call(""), tools.Reference{Prompt: "p"}, "id", tools.Completion{})
		_, completedURI := r.Complete(t.Context(), call(""), tools.Reference{URI: "a:{id}/x"}, "id", tools.Completion{})
		_, known := r.Tool(caller, []byte("x"))
		listed := len(r.ToolsFor(caller)) + len(r.PromptsFor(caller)) + len(r.ResourcesFor(caller)) + len(r.TemplatesFor(caller))
		for what, err := range map[string]error{
			"call": called, "read": read, "template": expanded, "prompt": written,
			"completion of the prompt": completedPrompt, "completion of the template": completedURI,
		} {
			if (err == nil) != (user == "alice") {
				t.Errorf("%q, %s: got %v", user, what, err)
			}
		}
		if known != (user == "alice") || listed != map[bool]int{true: 4, false: 0}[user == "alice"] {
			t.Errorf("%q sees %d items", user, listed)
		}
	}
}

// TestFeatures: a registry promises what its items make use of.
func TestFeatures(t *testing.T) {
	logs := tools.Spec{Name: "l", Title: "L", Description: "L.", Logs: true, Announces: tools.ToolsChanged}
	tests := []struct {
		items []tools.Item
		want  tools.Features
	}{
		{nil, tools.Features{}},
		{[]tools.Item{toolFunc("x", nil)}, tools.Features{Tools: true}},
		{[]tools.Item{resource[none]("a:b")}, tools.Features{Resources: true}},
		{[]tools.Item{resource[idOnly]("a:{id}")}, tools.Features{Resources: true, Completions: true}},
		{[]tools.Item{tools.New(logs, func(*tools.Context, none) (none, error) { return none{}, nil })},
			tools.Features{Tools: true, Logs: true, Announces: tools.ToolsChanged}},
	}
	for _, tt := range tests {
		if got := registry(t, tt.items...).Features(); got != tt.want {
			t.Errorf("got %+v, want %+v", got, tt.want)
		}
	}
}

// TestHandlerErrors: what a handler of a resource says reaches the client, what
// breaks does not.
func TestHandlerErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		do   func() ([]tools.ResourceContent, error)
		want string
	}{
		"said":     {func() ([]tools.ResourceContent, error) { return nil, errors.New("the disk is full") }, "the disk is full"},
		"missing":  {func() ([]tools.ResourceContent, error) { return nil, fmt.Errorf("x: %w", tools.ErrNotFound) }, "resource not found"},
		"nothing":  {func() ([]tools.ResourceContent, error) { return nil, nil }, "resource not found"},
		"internal": {func() ([]tools.ResourceContent, error) { return nil, fmt.Errorf("SECRET: %w", tools.ErrInternal) }, "internal error"},
		"panic":    {func() ([]tools.ResourceContent, error) { panic("SECRET") }, "internal error"},
		"huge": {func() ([]tools.ResourceContent, error) {
			return []tools.ResourceContent{{Data: make([]byte, 4<<20)}}, nil
		}, "internal error"},
	} {
		r := registry(t, tools.NewResource(tools.ResourceSpec{URI: "a:b", Name: "n", Title: "T"},
			func(*tools.Context, none) ([]tools.ResourceContent, error) { return tt.do() }))
		_, err := r.Read(t.Context(), tools.Call{Name: "a:b", Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.HasSuffix(err.Error(), tt.want) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
}

// TestHeaders: an annotation that clients refuse is refused at start-up, for they
// would drop the tool.
func TestHeaders(t *testing.T) {
	tests := []struct{ schema, want string }{
		{`{"type":"object","properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"object","properties":{"c":{"type":"integer","x-mcp-header":"B-1"}}}}}`, "A[a] B-1[b c]"},
		{`{"type":"object","properties":{"x-mcp-header":{"type":"string"}}}`, ""},
		{`{"type":"object","properties":{"a":{"type":"number","x-mcp-header":"A"}}}`, "no string, integer or boolean"},
		{`{"type":"object","properties":{"a":{"type":"object","x-mcp-header":"A"}}}`, "no string, integer or boolean"},
		{`{"type":"object","properties":{"a":{"x-mcp-header":"A"}}}`, "no string, integer or boolean"},
		{`{"type":"object","properties":{"a":{"type":"string","x-mcp-header":""}}}`, "no header name"},
		{`{"type":"object","properties":{"a":{"type":"string","x-mcp-header":1}}}`, "no header name"},
		{`{"type":"object","properties":{"a":{"type":"string","x-mcp-header":"A B"}}}`, "no header name"},
		{`{"type":"object","properties":{"a":{"type":"string","x-mcp-header":"A\r\nB"}}}`, "no header name"},
		{`{"type":"object","properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}}`, "used twice"},
		{`{"type":"object","properties":{"a":{"type":"array","items":{"type":"string","x-mcp-header":"A"}}}}`, "reached through properties"},
		{`{"type":"object","anyOf":[{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}]}`, "reached through properties"},
		{`{"type":"object","$defs":{"a":{"type":"string","x-mcp-header":"A"}},"properties":{"a":{"$ref":"#/$defs/a"}}}`, "reached through properties"},
		{`{"type":"object","x-mcp-header":"A"}`, "reached through properties"},
		{`{"type":"string"}`, "not of an object"},
		{`{"type":"object","properties":{"a":{"$ref":"https://example.com/s"}}}`, "bad JSON schema"},
		{`{"type":`, "not a JSON schema"},
	}
	for _, tt := range tests {
		t.Run(tt.schema, func(t *testing.T) {
			tool := tools.New(tools.Spec{Name: "x", Title: "X", Description: "X.", Schema: jsontext.Value(tt.schema)},
				func(*tools.Context, jsontext.Value) (tools.Contents, error) { return nil, nil })
			r, err := tools.NewRegistry(tool)
			if err != nil {
				if tt.want == "" || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want %s", err, tt.want)
				}
				return
			}
			var found []string
			for _, h := range r.Tools()[0].Headers {
				found = append(found, h.Name+fmt.Sprint(h.Path))
			}
			if got := strings.Join(found, " "); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestOutputs: the forms a tool's output may have.
func TestOutputs(t *testing.T) {
	spec := tools.Spec{Name: "x", Title: "X", Description: "X."}
	image := tools.Image{Data: []byte("i"), MIMEType: "image/png"}
	both := tools.New(spec, func(*tools.Context, none) (pictured, error) { return pictured{N: 1}, nil })
	only := tools.New(spec, func(*tools.Context, none) (tools.Contents, error) { return tools.Contents{image}, nil })
	nothing := tools.New(spec, func(*tools.Context, none) (tools.Contents, error) { return nil, nil })
	for name, tt := range map[string]struct {
		tool       tools.Tool
		contents   int
		structured string
		schema     bool
	}{
		"content and data": {both, 1, `{"n":1}`, true},
		"content only":     {only, 1, "", false},
		"no content":       {nothing, 0, "", false},
	} {
		result, _, err := call(t.Context(), t, tt.tool, "")
		if err != nil || len(result.Contents) != tt.contents || string(result.Structured) != tt.structured ||
			(tt.tool.OutputSchema != nil) != tt.schema || result.Contents == nil {
			t.Errorf("%s: got %+v, %v, schema %s", name, result, err, tt.tool.OutputSchema)
		}
	}
}

type pictured struct {
	N int `json:"n"`
}

func (pictured) Contents() tools.Contents { return tools.Contents{tools.Text{Text: "one"}} }

// TestContentJSON: every kind is what the protocol calls it, on one line.
func TestContentJSON(t *testing.T) {
	for want, content := range map[string]any{
		`{"type":"text","text":""}`:                                                    tools.Text{},
		`{"type":"text","text":"a\r\n\n` + "\u2028" + `data: x\u0000"}`:                tools.Text{Text: "a\r\n\n\u2028data: x\x00"},
		`{"type":"image","data":"","mimeType":"image/png"}`:                            tools.Image{MIMEType: "image/png"},
		`{"type":"audio","data":"AAE=","mimeType":"audio/wav"}`:                        tools.Audio{Data: []byte{0, 1}, MIMEType: "audio/wav"},
		`{"type":"resource","resource":{"uri":"a:b","text":""}}`:                       tools.Embedded{Resource: tools.ResourceContent{URI: "a:b"}},
		`{"type":"resource","resource":{"uri":"a:b","mimeType":"x/y","blob":""}}`:      tools.Embedded{Resource: tools.ResourceContent{URI: "a:b", MIMEType: "x/y", Data: []byte{}}},
		`{"type":"resource_link","uri":"a:b","name":"n","title":"T","mimeType":"x/y"}`: tools.Link{URI: "a:b", Name: "n", Title: "T", MIMEType: "x/y"},
		`{"role":"user","content":{"type":"text","text":"hi"}}`:                        tools.Message{Role: tools.User, Content: tools.Text{Text: "hi"}},
		`[{"type":"text","text":"a"}]`:                                                 tools.Contents{tools.Text{Text: "a"}},
	} {
		if got, err := json.Marshal(content); err != nil || string(got) != want {
			t.Errorf("got %s, %v; want %s", got, err, want)
		}
	}
}

// TestWithoutClient: where there is no way to the client a handler runs as ever.
func TestWithoutClient(t *testing.T) {
	tool := toolFunc("x", func(c *tools.Context) error {
		c.Progress(1, 2, "m")
		c.Log(tools.Error, "m")
		c.Announce(tools.Change{Kind: tools.ToolsChanged})
		if c.Can(tools.RootsAbility) {
			return errors.New("nobody can")
		}
		return c.Ask(&tools.Roots{})
	})
	if result, _, err := call(t.Context(), t, tool, ""); err != nil || result.Text != tools.ErrNoConversation.Error() {
		t.Errorf("got %+v, %v", result, err)
	}
}

// TestComplete: suggestions come from the argument's own function.
func TestComplete(t *testing.T) {
	suggest := func(_ *tools.Context, typed tools.Completion) ([]string, error) {
		if typed.Value == "!" {
			return nil, errors.New("no idea")
		}
		return []string{typed.Value + "1", typed.Others["owner"]}, nil
	}
	r := registry(t, resource[ownerAndID]("note://{owner}/{id}").Completing("id", suggest))
	call := tools.Call{Log: slog.New(slog.DiscardHandler)}
	ref := tools.Reference{URI: "note://{owner}/{id}"}
	got, err := r.Complete(t.Context(), call, ref, "id", tools.Completion{Value: "a", Others: map[string]string{"owner": "bob"}})
	if err != nil || !slices.Equal(got, []string{"a1", "bob"}) {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := r.Complete(t.Context(), call, ref, "owner", tools.Completion{}); err != nil || len(got) != 0 {
		t.Errorf("an argument without suggestions: got %q, %v", got, err)
	}
	if _, err := r.Complete(t.Context(), call, ref, "id", tools.Completion{Value: "!"}); err == nil || err.Error() != "no idea" {
		t.Errorf("got %v", err)
	}
	for _, bad := range []tools.Reference{{Prompt: "p"}, {URI: "note://bob/1"}, {}} {
		if _, err := r.Complete(t.Context(), call, bad, "id", tools.Completion{}); err == nil {
			t.Errorf("%+v: completed", bad)
		}
	}
	if _, err := r.Complete(t.Context(), call, ref, "nope", tools.Completion{}); err == nil {
		t.Error("an unknown argument is completed")
	}
}

// FuzzRead: no URI breaks the templates, and what was read is what was asked for.
func FuzzRead(f *testing.F) {
	r, err := tools.NewRegistry(resource[ownerAndID]("note://{owner}/{id}.txt"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("note://a/b.txt")
	f.Add("note://%/%2f.txt")
	f.Fuzz(func(t *testing.T, uri string) {
		got, err := r.Read(t.Context(), tools.Call{Name: uri, Log: slog.New(slog.DiscardHandler)})
		if err == nil && (got[0].URI != uri || !strings.HasPrefix(uri, "note://") || !strings.HasSuffix(uri, ".txt")) {
			t.Errorf("%q: got %+v", uri, got)
		}
	})
}
