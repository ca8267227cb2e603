package mcp

import (
	"context"
	"errors"
	"slices"

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
	uri, ok := stringOf(x.params.get("uri"))
	if !ok {
		return nil, invalidParams("uri must be a string: the resource to read")
	}
	if problem := x.resume(uri, nil); problem != nil {
		return nil, problem
	}
	ctx, end := x.begin(ctx)
	defer end()
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
	uri, ok := stringOf(x.params.get("uri"))
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
	uri, ok := stringOf(x.params.get("uri"))
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
