package mcp

import (
	"regexp"

	"mcp-oauth-server/tools"
)

// traceparent is version 00 or later of W3C Trace Context §3.2, of which only
// the four known fields are looked at.
var traceparent = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

// trace reads the client's trace context from _meta. What is malformed is left
// out, as the standard wants it: a trace must never break a request.
func (x *exchange) trace() (t tools.Trace) {
	if parent, ok := stringOf(x.meta.get(metaTraceParent)); ok && traceparent.MatchString(parent) {
		t.Parent = parent
		if state, ok := stringOf(x.meta.get(metaTraceState)); ok && len(state) <= 512 && visible(state) {
			t.State = state
		}
	}
	if baggage, ok := stringOf(x.meta.get(metaBaggage)); ok && len(baggage) <= 8192 && visible(baggage) {
		t.Baggage = baggage
	}
	return t
}
