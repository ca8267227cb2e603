package mcp

import (
	"context"
	"errors"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"mcp-oauth-server/tools"
)

// resourceInfo is one resource of a list, or one template.
type resourceInfo struct {
	URI         string `json:"uri,omitzero"`
	URITemplate string `json:"uriTemplate,omitzero"`
	Name        string `json:"name"`
	Title       string `json:"title,omitzero"`
	Description string `json:"description,omitzero"`
	MIMEType    string `json:"mimeType,omitzero"`
}

func describeResource(r *tools.Resource, rev revision) resourceInfo {
	info := resourceInfo{Name: r.Name, Description: r.Description, MIMEType: r.MIMEType}
	if len(r.Variables) > 0 {
		info.URITemplate = r.URI
	} else {
		info.URI = r.URI
	}
	if rev.structured {
		info.Title = r.Title
	}
	return info
}

// listResources answers resources/list.
func (s *Server) listResources(_ context.Context, x *exchange) (any, *Error) {
	shown, next, problem := s.pageOfResources(x, s.Tools.ResourcesFor(x.Caller))
	if problem != nil {
		return nil, problem
	}
	return struct {
		resultHead
		*caching
		Resources []resourceInfo `json:"resources"`
		Next      string         `json:"nextCursor,omitzero"`
	}{s.head(x), x.caching(), shown, next}, nil
}

// listTemplates answers resources/templates/list.
func (s *Server) listTemplates(_ context.Context, x *exchange) (any, *Error) {
	shown, next, problem := s.pageOfResources(x, s.Tools.TemplatesFor(x.Caller))
	if problem != nil {
		return nil, problem
	}
	return struct {
		resultHead
		*caching
		Templates []resourceInfo `json:"resourceTemplates"`
		Next      string         `json:"nextCursor,omitzero"`
	}{s.head(x), x.caching(), shown, next}, nil
}

func (s *Server) pageOfResources(x *exchange, all []tools.Resource) ([]resourceInfo, string, *Error) {
	list, next, problem := page(s, x, all, func(r *tools.Resource) string { return r.URI })
	if problem != nil {
		return nil, "", problem
	}
	shown := make([]resourceInfo, len(list))
	for i := range list {
		shown[i] = describeResource(&list[i], x.revision)
	}
	return shown, next, nil
}

// readResource answers resources/read. What it returns may be another thing the
// next time, so a client must not keep it.
func (s *Server) readResource(ctx context.Context, x *exchange) (any, *Error) {
	uri, ok := stringOf(x.params["uri"])
	if !ok {
		return nil, invalidParams("uri must be a string: the resource to read")
	}
	if problem := x.resume(uri, nil); problem != nil {
		return nil, problem
	}
	contents, err := s.Tools.Read(ctx, x.call(uri, nil))
	if required, problem := x.inputRequired(err); required != nil || problem != nil {
		return required, problem
	}
	switch {
	case errors.Is(err, tools.ErrNotFound):
		return nil, x.noResource(uri)
	case err != nil:
		return nil, x.problem(err)
	}
	return struct {
		resultHead
		*caching
		Contents []tools.ResourceContent `json:"contents"`
	}{s.head(x), x.cachingFor(0), contents}, nil
}

// noResource says that a resource does not exist, or not for this user.
func (x *exchange) noResource(uri string) *Error {
	return &Error{Code: x.notFound, Message: "there is no such resource", Data: struct {
		URI string `json:"uri"`
	}{uri}}
}

// maxWatched bounds the resources of one subscription.
const maxWatched = 64

// watchResource answers resources/subscribe. Changes are told on a legacy
// stream; Streamable HTTP of these revisions has no stream here that could carry
// them, so there the capability is not declared and a client that subscribes all
// the same is answered but hears nothing.
func (s *Server) watchResource(_ context.Context, x *exchange) (any, *Error) {
	uri, ok := stringOf(x.params["uri"])
	if !ok {
		return nil, invalidParams("uri must be a string: the resource to watch")
	}
	if !s.Tools.Readable(x.Caller, uri) {
		return nil, x.noResource(uri)
	}
	if x.Session == nil || x.Transport != LegacySSE || slices.Contains(x.Session.Watched, uri) {
		return struct{}{}, nil
	}
	if len(x.Session.Watched) >= maxWatched {
		return nil, invalidParams("too many subscriptions: unsubscribe from another resource first")
	}
	changed := *x.Session
	changed.Watched = append(slices.Clone(changed.Watched), uri)
	x.opened = &changed
	return struct{}{}, nil
}

// unwatchResource answers resources/unsubscribe.
func (s *Server) unwatchResource(_ context.Context, x *exchange) (any, *Error) {
	uri, ok := stringOf(x.params["uri"])
	if !ok {
		return nil, invalidParams("uri must be a string: the resource to watch no more")
	}
	if x.Session != nil && slices.Contains(x.Session.Watched, uri) {
		changed := *x.Session
		changed.Watched = slices.DeleteFunc(slices.Clone(changed.Watched), func(w string) bool { return w == uri })
		x.opened = &changed
	}
	return struct{}{}, nil
}

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
	name, ok := stringOf(x.params["name"])
	if !ok {
		return nil, invalidParams("name must be a string: the prompt to get")
	}
	arguments := x.params["arguments"]
	if arguments != nil && arguments.Kind() != '{' {
		return nil, invalidParams("arguments must be an object")
	}
	if problem := x.resume(name, arguments); problem != nil {
		return nil, problem
	}
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

// maxSuggestions is the protocol's bound on the values of one completion.
const maxSuggestions = 100

// complete answers completion/complete.
func (s *Server) complete(ctx context.Context, x *exchange) (any, *Error) {
	ref, argument, typed, problem := readCompletion(x)
	if problem != nil {
		return nil, problem
	}
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
	r, problem := readMember(x.params["ref"], "ref", "type", "name", "uri")
	if problem != nil {
		return ref, "", typed, problem
	}
	named, hasName := stringOf(r["name"])
	uri, hasURI := stringOf(r["uri"])
	switch kind, _ := stringOf(r["type"]); {
	case kind == "ref/prompt" && hasName && named != "":
		ref.Prompt = named
	case kind == "ref/resource" && hasURI && uri != "":
		ref.URI = uri
	default:
		return bad("ref must be a ref/prompt with a name or a ref/resource with a uri")
	}
	a, problem := readMember(x.params["argument"], "argument", "name", "value")
	if problem != nil {
		return ref, "", typed, problem
	}
	argument, hasArgument := stringOf(a["name"])
	value, hasValue := stringOf(a["value"])
	if !hasArgument || !hasValue {
		return bad("argument must have a name and a value, both strings")
	}
	typed.Value = value
	if raw := x.params["context"]; raw != nil && x.completionContext {
		c, problem := readMember(raw, "context", "arguments")
		if problem != nil {
			return ref, "", typed, problem
		}
		if others := c["arguments"]; others != nil {
			if typed.Others = stringsIn(others); typed.Others == nil {
				return bad("context.arguments must be an object of strings")
			}
		}
	}
	return ref, argument, typed, nil
}

// readMember is readObject for a member of params that must be an object.
func readMember(raw jsontext.Value, name string, known ...string) (members, *Error) {
	if raw.Kind() != '{' {
		return nil, invalidParams(name + " must be an object")
	}
	return readObject(raw, true, known...)
}
