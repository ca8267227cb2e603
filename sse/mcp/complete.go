package mcp

import (
	"context"
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-oauth-server/tools"
)

// maxSuggestions is the protocol's bound on the values of one completion.
const maxSuggestions = 100

// complete answers completion/complete.
func (s *Server) complete(ctx context.Context, x *exchange) (any, *Error) {
	ref, argument, typed, problem := readCompletion(x)
	if problem != nil {
		return nil, problem
	}
	ctx, end := x.begin(ctx)
	defer end()
	values, err := s.Tools.Complete(ctx, x.call("", nil), ref, argument, typed)
	switch {
	case errors.Is(err, tools.ErrUnknownPrompt):
		return nil, invalidParams("there is no such prompt")
	case errors.Is(err, tools.ErrNotFound):
		return nil, invalidParams("there is no such resource template")
	case err != nil:
		return nil, x.problem(err)
	}
	type completion struct {
		Values  []string `json:"values"`
		Total   int      `json:"total"`
		HasMore bool     `json:"hasMore"`
	}
	shown := values[:min(len(values), maxSuggestions)]
	return struct {
		resultHead
		Completion completion `json:"completion"`
	}{s.head(x), completion{append([]string{}, shown...), len(values), len(values) > maxSuggestions}}, nil
}

// readCompletion reads the parameters of completion/complete.
func readCompletion(x *exchange) (ref tools.Reference, argument string, typed tools.Completion, problem *Error) {
	bad := func(message string) (tools.Reference, string, tools.Completion, *Error) {
		return tools.Reference{}, "", tools.Completion{}, invalidParams(message)
	}
	r, problem := readMember(x.params.get("ref"), "ref", "type", "name", "uri")
	if problem != nil {
		return ref, "", typed, problem
	}
	named, hasName := stringOf(r.get("name"))
	uri, hasURI := stringOf(r.get("uri"))
	switch kind, _ := stringOf(r.get("type")); {
	case kind == "ref/prompt" && hasName && named != "":
		ref.Prompt = named
	case kind == "ref/resource" && hasURI && uri != "":
		ref.URI = uri
	default:
		return bad("ref must be a ref/prompt with a name or a ref/resource with a uri")
	}
	a, problem := readMember(x.params.get("argument"), "argument", "name", "value")
	if problem != nil {
		return ref, "", typed, problem
	}
	argument, hasArgument := stringOf(a.get("name"))
	value, hasValue := stringOf(a.get("value"))
	if !hasArgument || !hasValue {
		return bad("argument must have a name and a value, both strings")
	}
	typed.Value = value
	if raw := x.params.get("context"); raw != nil && x.completionContext {
		c, problem := readMember(raw, "context", "arguments")
		if problem != nil {
			return ref, "", typed, problem
		}
		if others := c.get("arguments"); others != nil {
			if typed.Others = stringsIn(others); typed.Others == nil {
				return bad("context.arguments must be an object of strings")
			}
		}
	}
	return ref, argument, typed, nil
}

// stringsIn reads an object of strings; nil if it is none.
func stringsIn(raw jsontext.Value) map[string]string {
	var m map[string]string
	if raw.Kind() != '{' || json.Unmarshal(raw, &m) != nil {
		return nil
	}
	return m
}
