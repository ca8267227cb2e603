package mcp

import (
	"context"
	"errors"

	"mcp-oauth-server/tools"
)

// promptInfo is one prompt of a list.
type promptInfo struct {
	Name        string                 `json:"name"`
	Title       string                 `json:"title,omitzero"`
	Description string                 `json:"description,omitzero"`
	Arguments   []tools.PromptArgument `json:"arguments,omitzero"`
}

// listPrompts answers prompts/list.
func (s *Server) listPrompts(_ context.Context, x *exchange) (any, *Error) {
	list, next, problem := page(s, x, s.Tools.PromptsFor(x.Caller), func(p *tools.Prompt) string { return p.Name })
	if problem != nil {
		return nil, problem
	}
	shown := make([]promptInfo, len(list))
	for i, p := range list {
		shown[i] = promptInfo{Name: p.Name, Description: p.Description, Arguments: p.Arguments}
		if x.structured {
			shown[i].Title = p.Title
		}
	}
	return struct {
		resultHead
		*caching
		Prompts []promptInfo `json:"prompts"`
		Next    string       `json:"nextCursor,omitzero"`
	}{s.head(x), x.caching(), shown, next}, nil
}

// getPrompt answers prompts/get.
func (s *Server) getPrompt(ctx context.Context, x *exchange) (any, *Error) {
	name, ok := stringOf(x.params.get("name"))
	if !ok {
		return nil, invalidParams("name must be a string: the prompt to get")
	}
	arguments := x.params.get("arguments")
	if arguments != nil && arguments.Kind() != '{' {
		return nil, invalidParams("arguments must be an object")
	}
	if problem := x.resume(name, arguments); problem != nil {
		return nil, problem
	}
	ctx, end := x.begin(ctx)
	defer end()
	prompt, messages, err := s.Tools.Prompt(ctx, x.call(name, arguments))
	if required, problem := x.inputRequired(err); required != nil || problem != nil {
		return required, problem
	}
	switch {
	case errors.Is(err, tools.ErrUnknownPrompt):
		return nil, invalidParams("there is no such prompt")
	case err != nil:
		return nil, x.problem(err)
	}
	shown := make([]promptMessage, len(messages))
	for i, m := range messages {
		shown[i] = promptMessage{m.Role, x.block(m.Content)}
	}
	return struct {
		resultHead
		Description string          `json:"description,omitzero"`
		Messages    []promptMessage `json:"messages"`
	}{s.head(x), prompt.Description, shown}, nil
}

type promptMessage struct {
	Role    tools.Role    `json:"role"`
	Content tools.Content `json:"content"`
}
