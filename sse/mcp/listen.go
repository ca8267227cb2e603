package mcp

import (
	"context"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-oauth-server/tools"
)

// Listen is an accepted subscriptions/listen of 2026-07-28. The transport sends
// First, keeps the stream open with keep-alive comments, sends what Frame makes
// of every announced change, and ends the stream with Last when it closes it in
// good order: at shutdown, or when the access token expires.
type Listen struct {
	// First is the acknowledgement, Last the result that closes the subscription.
	First, Last []byte

	id     jsontext.Value
	filter filter
}

// subscribe answers subscriptions/listen of 2026-07-28: it is granted as far as
// the server announces anything. That may be nothing; the stream stays open all
// the same, for clients that open it on principle.
func (s *Server) subscribe(_ context.Context, x *exchange) (any, *Error) {
	wanted, problem := readFilter(x.params.get("notifications"))
	if problem != nil {
		return nil, problem
	}
	meta := subscriptionMeta{ID: x.id}
	granted := wanted.of(s.announced(x))
	granted.ResourceSubscriptions = slices.DeleteFunc(granted.ResourceSubscriptions, func(uri string) bool {
		return !s.Tools.Readable(x.Caller, uri)
	})
	first, err := json.Marshal(notification{Method: "notifications/subscriptions/acknowledged", Params: struct {
		Notifications filter           `json:"notifications"`
		Meta          subscriptionMeta `json:"_meta"`
	}{granted, meta}})
	if err != nil {
		return nil, internalError(x.Request.ID)
	}
	head := s.head(x)
	head.Meta.Subscription = x.id
	x.listen = &Listen{ // the stream lives long: it must not hold the whole request by a piece of it
		First: first, Last: encode(response{ID: x.id, Result: head}), id: x.id.Clone(), filter: granted,
	}
	return nil, nil
}

// readFilter reads what a client wants to hear of.
func readFilter(raw jsontext.Value) (f filter, problem *Error) {
	m, problem := readMember(raw, "notifications",
		"toolsListChanged", "promptsListChanged", "resourcesListChanged", "resourceSubscriptions")
	if problem != nil {
		return f, problem
	}
	for name, flag := range map[string]*bool{
		"toolsListChanged": &f.ToolsListChanged, "promptsListChanged": &f.PromptsListChanged,
		"resourcesListChanged": &f.ResourcesListChanged,
	} {
		if v := m.get(name); v != nil && json.Unmarshal(v, flag) != nil {
			return filter{}, invalidParams(name + " must be true or false")
		}
	}
	if v := m.get("resourceSubscriptions"); v != nil {
		if json.Unmarshal(v, &f.ResourceSubscriptions) != nil || len(f.ResourceSubscriptions) > maxWatched {
			return filter{}, invalidParams(fmt.Sprintf("resourceSubscriptions must be a list of at most %d URIs", maxWatched))
		}
	}
	return f, nil
}

// of is the part of a filter that is announced.
func (f filter) of(announced tools.ChangeKind) filter {
	granted := filter{
		ToolsListChanged:     f.ToolsListChanged && announced&tools.ToolsChanged != 0,
		PromptsListChanged:   f.PromptsListChanged && announced&tools.PromptsChanged != 0,
		ResourcesListChanged: f.ResourcesListChanged && announced&tools.ResourcesChanged != 0,
	}
	if announced&tools.ResourceUpdated != 0 {
		granted.ResourceSubscriptions = f.ResourceSubscriptions
	}
	return granted
}

// filter is what a subscription hears of: what the client asked for and the
// server can announce.
type filter struct {
	ToolsListChanged      bool     `json:"toolsListChanged,omitzero"`
	PromptsListChanged    bool     `json:"promptsListChanged,omitzero"`
	ResourcesListChanged  bool     `json:"resourcesListChanged,omitzero"`
	ResourceSubscriptions []string `json:"resourceSubscriptions,omitzero"`
}

// Frame returns the notification of a change for this subscription, and false
// if it does not hear of it.
func (l *Listen) Frame(c tools.Change) ([]byte, bool) {
	if !l.filter.wants(c) {
		return nil, false
	}
	body, err := json.Marshal(notification{Method: changeMethods[c.Kind], Params: changeParams{
		URI: c.URI, Meta: subscriptionMeta{l.id},
	}})
	return body, err == nil
}

// Frame returns the notification of a change for a legacy stream, and false if it
// does not hear of it. Lists are announced to every stream that was told so at
// initialize, resources to those that subscribed.
func (s *Session) Frame(c tools.Change) ([]byte, bool) {
	if c.Kind == tools.ResourceUpdated && !slices.Contains(s.Watched, c.URI) {
		return nil, false
	}
	method, known := changeMethods[c.Kind]
	if !known {
		return nil, false
	}
	n := notification{Method: method}
	if c.URI != "" {
		n.Params = struct {
			URI string `json:"uri"`
		}{c.URI}
	}
	body, err := json.Marshal(n)
	return body, err == nil
}

func (f filter) wants(c tools.Change) bool {
	switch c.Kind {
	case tools.ToolsChanged:
		return f.ToolsListChanged
	case tools.PromptsChanged:
		return f.PromptsListChanged
	case tools.ResourcesChanged:
		return f.ResourcesListChanged
	case tools.ResourceUpdated:
		return slices.Contains(f.ResourceSubscriptions, c.URI)
	}
	return false
}

var changeMethods = map[tools.ChangeKind]string{
	tools.ToolsChanged:     "notifications/tools/list_changed",
	tools.PromptsChanged:   "notifications/prompts/list_changed",
	tools.ResourcesChanged: "notifications/resources/list_changed",
	tools.ResourceUpdated:  "notifications/resources/updated",
}

type changeParams struct {
	URI  string           `json:"uri,omitzero"`
	Meta subscriptionMeta `json:"_meta"`
}

type subscriptionMeta struct {
	ID jsontext.Value `json:"io.modelcontextprotocol/subscriptionId"`
}

// notification is a JSON-RPC 2.0 notification.
type notification struct {
	JSONRPC version `json:"jsonrpc"`
	Method  string  `json:"method"`
	Params  any     `json:"params,omitzero"`
}
