package tools

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/go-json-experiment/json/jsontext"
)

// Call is one call of a tool.
type Call struct {
	// Name is the tool's name.
	Name string
	// Arguments is a JSON object; empty means {}. It must stay unchanged even
	// after Registry.Call returns: an overdue handler may still read it.
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

// ArgumentError says why the arguments do not fit the tool's input schema, in
// words a model can act on.
type ArgumentError struct{ Tool, Problem string }

func (e *ArgumentError) Error() string {
	return fmt.Sprintf("invalid arguments for %s: %s", e.Tool, e.Problem)
}

// outcome is what a handler left behind.
type outcome struct {
	result Result
	err    error
}

// Call runs one call. The error is ErrUnknownTool, an *ArgumentError,
// context.Canceled if the caller has left, or ErrInternal. What the tool itself
// has to say, also that it failed or took too long, is a Result.
func (r *Registry) Call(ctx context.Context, c Call) (Result, error) {
	t, ok := r.byName[c.Name]
	if !ok {
		return Result{}, ErrUnknownTool
	}
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()

	// A goroutine of its own: a handler that ignores its context must not hold
	// the request, and the buffer lets it end unheard.
	done := make(chan outcome, 1)
	go r.run(t, &Context{Context: ctx, Caller: c.Caller}, c, done)
	select {
	case o := <-done:
		if o.result.IsError && ctx.Err() != nil {
			return overdue(ctx, t) // the handler only passed its context's error on
		}
		return o.result, o.err
	case <-ctx.Done():
		c.log("tool still running after its time", "tool_overdue", ctx.Err())
		return overdue(ctx, t)
	}
}

// run performs the tool and sends exactly one outcome, whatever the handler does.
func (r *Registry) run(t Tool, tc *Context, c Call, done chan<- outcome) {
	o := outcome{err: ErrInternal} // stands if the handler panics or ends its goroutine
	defer func() {
		if p := recover(); p != nil {
			o = outcome{err: ErrInternal}
			c.log("tool panicked", "tool_panic", fmt.Errorf("%v", p), "stack", string(debug.Stack()))
		}
		done <- o
	}()
	result, err := t.perform(tc, c.Arguments)
	_, badArguments := errors.AsType[*ArgumentError](err)
	switch size := len(result.Text) + len(result.Structured); {
	case badArguments:
		o = outcome{err: err}
	case err != nil:
		c.log("tool broke", "tool_error", err)
	case size > r.MaxOutput:
		c.log("tool output too large", "tool_output", fmt.Errorf("%d bytes, at most %d", size, r.MaxOutput))
	default:
		o = outcome{result: result}
	}
}

// overdue is the answer for a tool that did not finish.
func overdue(ctx context.Context, t Tool) (Result, error) {
	if errors.Is(ctx.Err(), context.Canceled) {
		return Result{}, ctx.Err()
	}
	return errorResult(t.Name + " did not finish in time and was given up. Try again, or ask for less."), nil
}

func (c Call) log(message, event string, err error, more ...any) {
	attrs := append([]any{"event", event, "tool", c.Name, "request_id", c.RequestID, "err", err}, more...)
	c.Log.Error(message, attrs...)
}
