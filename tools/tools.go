// Package tools is the workshop: what an MCP server offers (tools, resources,
// prompts), who calls it, and how a call is run.
//
// A tool is one small package with a function that returns a [Tool], built by
// [New] from a [Spec] and a typed handler. The JSON schemas of its input and
// output are derived from the Go types, so what is advertised and what is
// checked cannot drift apart. Resources and prompts are built the same way, by
// [NewResource] and [NewPrompt]: every handler is func(*Context, In) (Out, error).
// main hands all of them to [NewRegistry], which refuses a bad one at start-up.
//
// A call ([Registry.Call], [Registry.Read], [Registry.Prompt],
// [Registry.Complete]) passes these steps in this order: the item exists and is
// the caller's, the arguments are strict JSON, they match the input schema, the
// handler runs under a deadline with its panics caught, the output fits the size
// cap. A tool that only computes ([NewFunc]) has neither Context nor deadline, and
// passes all the other steps.
//
// While it runs a handler can report progress, send log messages, and ask the
// client: methods of its [Context], which work in every revision.
//
// This room knows nothing of HTTP, JSON-RPC or protocol revisions, and a tool
// never sees a token: all it learns of the user is its [Caller].
package tools

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// Caller is the user on whose behalf a tool runs, as proven by the access
// token. It is safe to log but for Email and Name.
type Caller struct {
	// Subject identifies the user at the identity provider.
	Subject string
	// ClientID is a digest of the OAuth client's id, never the id itself.
	ClientID string
	// Scopes are those of the access token.
	Scopes Scopes
	// Email is empty unless the operator's TOKEN_CLAIMS carries it.
	Email string
	// Name is empty unless the operator's TOKEN_CLAIMS carries it.
	Name string
}

// Scopes is a set of OAuth scopes as tokens carry it: names with spaces between
// them (RFC 6749 §3.3). It is text, so that no tool can widen what it was given.
type Scopes string

// Has reports whether a scope is among them.
func (s Scopes) Has(scope string) bool {
	for name := range strings.FieldsSeq(string(s)) {
		if name == scope {
			return true
		}
	}
	return false
}

// RequestID names a request in the log and in internal errors: the process that
// serves it, and its number there. It is put into words only where it is read.
type RequestID struct {
	// Process tells the requests of one process from those of another.
	Process string
	// Number is the request's own.
	Number uint64
}

// String is process-number, the number in base 36.
func (id RequestID) String() string { return id.Process + "-" + strconv.FormatUint(id.Number, 36) }

// Context is what a handler is given besides its input. It ends when the tool's
// time is up or the caller has left; a handler that waits for anything must
// watch it. It may be kept, and then leads to no client once the handler has
// returned.
type Context struct {
	context.Context
	// Caller is the user on whose behalf the tool runs.
	Caller Caller
	// Trace is the client's trace context; empty if it sent none.
	Trace Trace

	line       *line  // to the client; nil if there is none
	name       string // of the item, for the client's log
	limit      *limit
	askTimeout time.Duration
	maxOutput  int
}

// AfterFunc is as context.AfterFunc. The context package looks for it: contexts
// derived from this one then end with it without a goroutine.
func (c *Context) AfterFunc(f func()) (stop func() bool) {
	return context.AfterFunc(c.Context, f)
}
