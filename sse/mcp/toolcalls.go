package mcp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/go-json-experiment/json/jsontext"

	"mcp-oauth-server/tools"
)

// toolInfo is one tool of a list, with what the revision knows of tools.
type toolInfo struct {
	Name         string         `json:"name"`
	Title        string         `json:"title,omitzero"`
	Description  string         `json:"description"`
	InputSchema  jsontext.Value `json:"inputSchema"`
	OutputSchema jsontext.Value `json:"outputSchema,omitzero"`
	Annotations  *annotations   `json:"annotations,omitzero"`
}

// annotations are always written out: what is left out counts as destructive.
type annotations struct {
	Title           string `json:"title"`
	ReadOnlyHint    bool   `json:"readOnlyHint"`
	DestructiveHint bool   `json:"destructiveHint"`
	IdempotentHint  bool   `json:"idempotentHint"`
	OpenWorldHint   bool   `json:"openWorldHint"`
}

// listTools answers tools/list: all tools on one page, in the same order each time.
func (s *Server) listTools(_ context.Context, x *exchange) (any, *Error) {
	if raw := x.params["cursor"]; raw != nil {
		if cursor, ok := stringOf(raw); !ok || cursor != "" {
			return nil, invalidParams("unknown cursor: the list has one page")
		}
	}
	registered := s.Tools.Tools()
	list := make([]toolInfo, len(registered))
	for i := range registered {
		list[i] = describe(&registered[i], x.revision)
	}
	return struct {
		resultHead
		*caching
		Tools []toolInfo `json:"tools"`
	}{s.head(x), x.caching(), list}, nil
}

func describe(t *tools.Tool, rev revision) toolInfo {
	info := toolInfo{Name: t.Name, Description: t.Description, InputSchema: t.InputSchema}
	if rev.structured {
		info.Title, info.OutputSchema = t.Title, t.OutputSchema
	}
	if rev.annotations {
		info.Annotations = &annotations{
			Title:           t.Title,
			ReadOnlyHint:    t.Effects.ReadOnly,
			DestructiveHint: !t.Effects.NonDestructive,
			IdempotentHint:  t.Effects.Idempotent,
			OpenWorldHint:   !t.Effects.ClosedWorld,
		}
	}
	return info
}

// callResult is the result of tools/call.
type callResult struct {
	resultHead
	Content           []textContent  `json:"content"`
	StructuredContent jsontext.Value `json:"structuredContent,omitzero"`
	IsError           bool           `json:"isError,omitzero"`
}

type textContent struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// callTool answers tools/call.
func (s *Server) callTool(ctx context.Context, x *exchange) (any, *Error) {
	name, ok := stringOf(x.params["name"])
	if !ok {
		return nil, invalidParams("name must be a string: the tool to call")
	}
	arguments := x.params["arguments"]
	if arguments != nil && arguments.Kind() != '{' {
		return nil, invalidParams("arguments must be an object")
	}
	result, err := s.Tools.Call(ctx, tools.Call{
		Name: name, Arguments: arguments, Caller: x.Caller, RequestID: x.Request.ID, Log: s.Log,
	})
	s.logCall(ctx, x, name, result, err)
	if err != nil {
		return s.callProblem(x, name, err)
	}
	return s.render(x, result), nil
}

// callProblem tells the client why a call has no result.
func (s *Server) callProblem(x *exchange, name string, err error) (any, *Error) {
	bad, ok := errors.AsType[*tools.ArgumentError](err)
	switch {
	case ok && x.argumentResults:
		return s.render(x, tools.Result{Text: bad.Error(), IsError: true}), nil
	case ok:
		return nil, invalidParams(bad.Error())
	case errors.Is(err, tools.ErrUnknownTool):
		return nil, invalidParams(fmt.Sprintf("there is no tool named %.64q", name))
	}
	return nil, internalError(x.Request.ID)
}

func (s *Server) render(x *exchange, r tools.Result) callResult {
	result := callResult{
		resultHead: s.head(x),
		Content:    []textContent{{Type: "text", Text: r.Text}},
		IsError:    r.IsError,
	}
	if x.structured {
		result.StructuredContent = r.Structured
	}
	return result
}

// logCall notes who called what; arguments and results are the user's own and
// stay out of the log.
func (s *Server) logCall(ctx context.Context, x *exchange, name string, r tools.Result, err error) {
	outcome := "ok"
	switch {
	case errors.Is(err, tools.ErrUnknownTool):
		name, outcome = "", "unknown_tool" // the name is the client's text, of any length
	case err != nil:
		outcome = "refused"
		if errors.Is(err, tools.ErrInternal) {
			outcome = "internal_error"
		}
	case r.IsError:
		outcome = "tool_error"
	}
	s.Log.LogAttrs(ctx, slog.LevelInfo, "tool called",
		slog.String("event", "tool_call"), slog.String("tool", name), slog.String("outcome", outcome),
		slog.String("sub", x.Caller.Subject), slog.String("client_id_hash", x.Caller.ClientID),
		slog.String("revision", x.revision.version), slog.String("request_id", x.Request.ID))
}
