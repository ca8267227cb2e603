package mcp

import (
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
