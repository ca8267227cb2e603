package tools

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Registry holds the tools of a server in the order they were given. It is not
// changed after NewRegistry.
type Registry struct {
	// Timeout is how long a tool may run. 30 s by default.
	Timeout time.Duration
	// MaxOutput is the largest output of a tool, in bytes of JSON and text
	// together. 4 MiB by default.
	MaxOutput int

	tools  []Tool
	byName map[string]Tool
}

// Call is one call of a tool.
type Call struct {
	// Name is the tool's name.
	Name string
	// Arguments is a JSON object; empty means {}.
	Arguments jsontext.Value
	// Caller is the user on whose behalf the tool runs.
	Caller Caller
	// RequestID names the call in the log. OPTIONAL.
	RequestID string
	// Log receives the details of internal errors. REQUIRED.
	Log *slog.Logger
}

// Result is what the model is shown.
type Result struct {
	// Text is the text form of the output, or of the error.
	Text string
	// Structured is the output as a JSON object; empty if IsError.
	Structured jsontext.Value
	// IsError says that the tool could not do what was asked, and Text why.
	IsError bool
}

var (
	// ErrUnknownTool says that no tool has the name.
	ErrUnknownTool = errors.New("unknown tool")
	// ErrInternal says that the tool broke; the detail is in the log only.
	ErrInternal = errors.New("internal error")
)

// ArgumentError says that the arguments do not fit the tool's input schema.
type ArgumentError struct{ Problem string }

func (e *ArgumentError) Error() string { return e.Problem }

// NewRegistry returns a registry of the given tools, in this order. It fails if
// a tool is malformed or two have one name.
func NewRegistry(ts ...Tool) (*Registry, error) {
	return &Registry{Timeout: 30 * time.Second, MaxOutput: 4 << 20, tools: ts}, nil
}

// Tools lists the tools in their order.
func (r *Registry) Tools() []Tool { return r.tools }

// Call runs one call. The error is ErrUnknownTool, an *ArgumentError, the
// context's error, or ErrInternal; a failure of the tool itself is a Result.
func (r *Registry) Call(ctx context.Context, c Call) (Result, error) {
	return Result{}, ErrUnknownTool
}
