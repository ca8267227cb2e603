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

// listTools answers tools/list.
func (s *Server) listTools(_ context.Context, x *exchange) (any, *Error) {
	list, next, problem := page(s, x, s.Tools.ToolsFor(x.Caller), func(t *tools.Tool) string { return t.Name })
	if problem != nil {
		return nil, problem
	}
	shown := make([]toolInfo, len(list))
	for i := range list {
		shown[i] = describe(&list[i], x.revision)
	}
	return struct {
		resultHead
		*caching
		Tools []toolInfo `json:"tools"`
		Next  string     `json:"nextCursor,omitzero"`
	}{s.head(x), x.caching(), shown, next}, nil
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

// callResult is the result of tools/call with content of any kind.
type callResult struct {
	resultHead
	Content           tools.Contents `json:"content"`
	StructuredContent jsontext.Value `json:"structuredContent,omitzero"`
	IsError           bool           `json:"isError,omitzero"`
}

// callTool answers tools/call.
func (s *Server) callTool(ctx context.Context, x *exchange) (any, *Error) {
	tool, name, ok := x.namedTool()
	if !ok {
		return nil, invalidParams("name must be a string: the tool to call")
	}
	known := tool != nil
	arguments := x.params.get("arguments")
	if arguments != nil && arguments.Kind() != '{' {
		return nil, invalidParams("arguments must be an object")
	}
	if known {
		if problem := x.checkParams(tool, arguments); problem != nil {
			return nil, problem
		}
		x.talk.logs, x.talk.announces = tool.Logs, tool.Announces
	}
	if problem := x.resume(name, arguments); problem != nil {
		return nil, problem
	}
	result, err := &x.result, error(nil)
	if x.computed = known && tool.Computes(); x.computed {
		result.Structured = x.room[:0]
		err = s.Tools.Compute(tool, arguments, x.Request.ID, s.Log, result)
	} else {
		*result, err = s.converse(ctx, x, name, arguments)
	}
	s.logCall(ctx, x, name, result.IsError, err)
	if required, problem := x.inputRequired(err); required != nil || problem != nil {
		return required, problem
	}
	if err != nil {
		return s.callProblem(x, name, err)
	}
	return s.render(x, result), nil
}

// namedTool is the caller's tool that the params name, nil if he has none of that
// name, and the name; false if it is no string. A name that is known is not copied.
func (x *exchange) namedTool() (tool *tools.Tool, name string, ok bool) {
	raw := x.params.get("name")
	if plain, isPlain := plainText(raw); isPlain {
		if tool, ok = x.server.Tools.Tool(x.Caller, plain); ok {
			return tool, tool.Name, true
		}
		return nil, string(plain), true
	}
	if name, ok = stringOf(raw); !ok {
		return nil, "", false
	}
	if tool, ok = x.server.Tools.Tool(x.Caller, []byte(name)); !ok {
		tool = nil // it exists, and not for this caller
	}
	return tool, name, true
}

// converse calls a tool that may run for a while.
func (s *Server) converse(ctx context.Context, x *exchange, name string, arguments jsontext.Value) (tools.Result, error) {
	ctx, end := x.begin(ctx)
	defer end()
	return s.Tools.Call(ctx, x.call(name, arguments))
}

// call is what a handler is run with.
func (x *exchange) call(name string, arguments jsontext.Value) tools.Call {
	x.lent = true
	return tools.Call{
		Name: name, Arguments: arguments, Caller: x.Caller, Trace: x.trace(), Client: x,
		RequestID: x.Request.ID, Log: x.server.Log,
	}
}

// callProblem tells the client why a call has no result.
func (s *Server) callProblem(x *exchange, name string, err error) (any, *Error) {
	bad, badArguments := errors.AsType[*tools.ArgumentError](err)
	unable, isUnable := errors.AsType[*tools.MissingAbility](err)
	switch {
	case badArguments && x.argumentResults:
		return s.render(x, &tools.Result{Text: bad.Error(), IsError: true}), nil
	case isUnable && !x.modern:
		return s.render(x, &tools.Result{Text: x.unable(unable), IsError: true}), nil
	case errors.Is(err, tools.ErrUnknownTool):
		return nil, invalidParams(fmt.Sprintf("there is no tool named %.64q", name))
	}
	return nil, x.problem(err)
}

// problem turns the error of any handler into that of the protocol.
func (x *exchange) problem(err error) *Error {
	bad, badArguments := errors.AsType[*tools.ArgumentError](err)
	unable, isUnable := errors.AsType[*tools.MissingAbility](err)
	said, isSaid := errors.AsType[*tools.HandlerError](err)
	switch {
	case badArguments:
		return invalidParams(bad.Error())
	case isUnable && x.modern:
		return &Error{Code: codeMissingCapability, Message: unable.Error(), Data: required(unable.Needs)}
	case isUnable:
		return &Error{Code: codeInternal, Message: x.unable(unable)}
	case isSaid:
		return &Error{Code: codeInternal, Message: said.Error()}
	case errors.Is(err, tools.ErrOverdue):
		return &Error{Code: codeInternal, Message: err.Error()}
	case errors.Is(err, context.Canceled):
		return cancelled
	}
	return internalError(x.Request.ID)
}

// unable says what a client lacks. The session id is how the server knows what a
// client of the 2025 revisions can do, and it is easily lost.
func (x *exchange) unable(e *tools.MissingAbility) string {
	if x.Session == nil {
		return e.Error() + ", or did not send the Mcp-Session-Id it was given"
	}
	return e.Error()
}

// required is the data of a missing capability, spelled as a client declares it.
func required(needs Capabilities) any {
	type elicitation struct {
		Form *struct{} `json:"form,omitzero"`
		URL  *struct{} `json:"url,omitzero"`
	}
	var c struct {
		Roots       *struct{}    `json:"roots,omitzero"`
		Sampling    *struct{}    `json:"sampling,omitzero"`
		Elicitation *elicitation `json:"elicitation,omitzero"`
	}
	if needs&Roots != 0 {
		c.Roots = &struct{}{}
	}
	if needs&Sampling != 0 {
		c.Sampling = &struct{}{}
	}
	if needs&(ElicitationForm|ElicitationURL) != 0 {
		c.Elicitation = &elicitation{}
	}
	if needs&ElicitationForm != 0 {
		c.Elicitation.Form = &struct{}{}
	}
	if needs&ElicitationURL != 0 {
		c.Elicitation.URL = &struct{}{}
	}
	return struct {
		Required any `json:"requiredCapabilities"`
	}{c}
}

func (s *Server) render(x *exchange, r *tools.Result) any {
	structured := r.Structured
	if !x.structured {
		structured = nil
	}
	if r.Contents != nil {
		return &callResult{s.head(x), x.blocks(r.Contents), structured, r.IsError}
	}
	x.text = textResult{s.head(x), r.Text, structured, r.IsError}
	return &x.text
}

// logCall notes who called what; arguments and results are the user's own and
// stay out of the log.
func (s *Server) logCall(ctx context.Context, x *exchange, name string, failed bool, err error) {
	if !s.Log.Enabled(ctx, slog.LevelInfo) {
		return
	}
	outcome := "ok"
	_, unable := errors.AsType[*tools.MissingAbility](err)
	switch {
	case x.talk.asking():
		outcome = "input_required"
	case unable:
		outcome = "missing_capability"
	case errors.Is(err, context.Canceled):
		outcome = "cancelled"
	case errors.Is(err, tools.ErrUnknownTool):
		name, outcome = "", "unknown_tool" // the name is the client's text, of any length
	case err != nil:
		outcome = "refused"
		if errors.Is(err, tools.ErrInternal) {
			outcome = "internal_error"
		}
	case failed:
		outcome = "tool_error"
	}
	trace := slog.Attr{} // an empty one is left out
	if t := x.trace(); t.Parent != "" {
		trace = slog.String("traceparent", t.Parent)
	}
	s.Log.LogAttrs(ctx, slog.LevelInfo, "tool called",
		slog.String("event", "tool_call"), slog.String("tool", name), slog.String("outcome", outcome),
		slog.String("sub", x.Caller.Subject), slog.String("client_id_hash", x.Caller.ClientID),
		slog.String("revision", x.revision.version), slog.String("request_id", x.Request.ID.String()), trace)
}
