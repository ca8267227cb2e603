package tools

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Call is one call of a handler.
type Call struct {
	// Name is the tool's or the prompt's name, or the resource's URI.
	Name string
	// Arguments is a JSON object; empty means {}. It must stay unchanged even
	// after the call: an overdue handler may still read it.
	Arguments jsontext.Value
	// Caller is the user on whose behalf the handler runs.
	Caller Caller
	// Trace is the client's trace context. OPTIONAL.
	Trace Trace
	// Client is the way to the client. OPTIONAL.
	Client Client
	// RequestID names the call in the log. OPTIONAL.
	RequestID RequestID
	// Log receives the details of internal errors. REQUIRED.
	Log *slog.Logger

	what string // names a handler that is no tool's in the log
}

// Result is what the model is shown.
type Result struct {
	// Text is the text form of the output, or of the error.
	Text string
	// Contents is shown instead of Text if it is not nil.
	Contents Contents
	// Structured is the output as a JSON object; empty if IsError, or if the tool
	// has no structured output.
	Structured jsontext.Value
	// IsError says that the tool could not do what was asked, and Text why.
	IsError bool
}

var (
	// ErrUnknownTool says that the caller has no tool of the name.
	ErrUnknownTool = errors.New("unknown tool")
	// ErrUnknownPrompt says that the caller has no prompt of the name.
	ErrUnknownPrompt = errors.New("unknown prompt")
	// ErrNotFound says that the caller has no resource with the URI.
	ErrNotFound = errors.New("resource not found")
	// ErrOverdue says that a handler did not finish in time and was given up.
	ErrOverdue = errors.New("it did not finish in time and was given up; try again, or ask for less")
	// ErrInternal says that the handler broke; the detail is in the log only.
	ErrInternal = errors.New("internal error")
)

// HandlerError is what the handler of a resource or a prompt has to say to the
// client.
type HandlerError struct{ Err error }

func (e *HandlerError) Error() string { return strings.ToValidUTF8(e.Err.Error(), "\uFFFD") }
func (e *HandlerError) Unwrap() error { return e.Err }

// explained sorts the error of a handler: what has no meaning here is for the client.
func explained(err error) error {
	if err == nil || plainError(err) || errors.Is(err, ErrInternal) {
		return err
	}
	return &HandlerError{err}
}

// plainError reports whether an error of a handler is an ordinary outcome with
// a meaning of its own.
func plainError(err error) bool {
	_, badArguments := errors.AsType[*ArgumentError](err)
	_, unable := errors.AsType[*MissingAbility](err)
	_, said := errors.AsType[*HandlerError](err)
	return badArguments || unable || said || errors.Is(err, ErrNotFound)
}

// ArgumentError says why the arguments do not fit the tool's input schema, in
// words a model can act on.
type ArgumentError struct{ Tool, Problem string }

func (e *ArgumentError) Error() string {
	return fmt.Sprintf("invalid arguments for %s: %s", e.Tool, e.Problem)
}

// Call runs the tool c.Name. The error is ErrUnknownTool, an *ArgumentError, a
// *MissingAbility, context.Canceled if the caller has left, or ErrInternal. What
// the tool itself has to say, also that it failed or took too long, is a Result.
func (r *Registry) Call(ctx context.Context, c Call) (Result, error) {
	t, ok := r.Tool(c.Caller, []byte(c.Name))
	if !ok {
		return Result{}, ErrUnknownTool
	}
	if t.computes {
		var result Result
		err := r.Compute(t, c.Arguments, c.RequestID, c.Log, &result)
		return result, err
	}
	return r.wait(ctx, t, c)
}

// wait runs a tool that may take a while.
func (r *Registry) wait(ctx context.Context, t *Tool, c Call) (Result, error) {
	arguments := c.Arguments
	result, err := run(ctx, r, &c, Result.size, func(tc *Context, result *Result) error {
		err := t.perform(tc, arguments, tc.maxOutput, result)
		if result.IsError && tc.Err() != nil {
			return tc.Err() // it only passed its context's error on
		}
		return err
	})
	if errors.Is(err, ErrOverdue) {
		return errorResult(t.Name + ": " + err.Error()), nil
	}
	return result, err
}

// Compute runs a tool that only computes, where it is called, for a result that is
// empty but for the room its Structured may have. id and log are as in Call, and so
// is the error, but for ErrUnknownTool; with one the result is empty.
func (r *Registry) Compute(t *Tool, arguments jsontext.Value, id RequestID, log *slog.Logger, result *Result) (err error) {
	from := source{log, t.Name, id}
	defer func() {
		if p := recover(); p != nil {
			err = from.panicked(p)
		}
		if err != nil {
			*result = Result{}
		}
	}()
	if err = t.perform(nil, arguments, r.MaxOutput, result); err == nil {
		err = checkSize(result.size(), r.MaxOutput)
	}
	return from.judge(err, neverEnds)
}

func neverEnds() error { return nil }

func (r Result) size() int { return len(r.Text) + len(r.Structured) + r.Contents.size() }

// running is a handler at work, and all that it needs in one piece.
type running[T any] struct {
	Context
	span   Span
	limit  limit
	line   line
	source source
	size   func(T) int
	max    int // of the output
	handle func(*Context, *T) error

	result T // these two are written before the span ends with errDone
	err    error
}

// source says in the log where something comes from.
type source struct {
	log       *slog.Logger
	name      string
	requestID RequestID
}

// run runs a handler under the registry's limits. Besides what the handler
// returns, the error is ErrOverdue, context.Canceled or ErrInternal.
func run[T any](ctx context.Context, r *Registry, c *Call, size func(T) int, handle func(*Context, *T) error) (result T, err error) {
	h := &running[T]{source: source{c.Log, cmp.Or(c.what, c.Name), c.RequestID}, size: size, max: r.MaxOutput, handle: handle}
	h.span.Begin(ctx)
	h.Context = Context{
		Context: &h.span, Caller: c.Caller, Trace: c.Trace,
		line: &h.line, name: c.Name, limit: &h.limit, askTimeout: r.AskTimeout, maxOutput: r.MaxOutput,
	}
	h.line.client = c.Client
	h.limit.start(&r.limits, r.Timeout, h)
	// A goroutine of its own: a handler that ignores its context must not hold
	// the request.
	go h.attempt()
	cause := h.span.wait()
	h.limit.stop()
	switch {
	case cause != errDone: // the handler may still write its result
		err = endedBy(cause)
	case h.err != nil:
		err = h.err
	default:
		result = h.result
		h.line.cut()
	}
	if cause != errDone && errors.Is(err, ErrOverdue) {
		h.source.report("handler still running after its time", "tool_overdue", err)
	}
	return result, err
}

// giveUp is called when the time is up.
func (h *running[T]) giveUp() { h.span.End(ErrOverdue) }

// errDone ends the span of a handler that is done.
var errDone = errors.New("the handler is done")

// endedBy sorts why a context ended: the time was up, or the caller left.
func endedBy(cause error) error {
	if errors.Is(cause, ErrOverdue) || errors.Is(cause, context.DeadlineExceeded) {
		return ErrOverdue
	}
	return context.Canceled
}

// attempt performs the handler and ends its span with exactly one outcome,
// whatever it does. The stack is a new one and small: until it has to grow, which
// costs more than most handlers, there is room for little.
func (h *running[T]) attempt() {
	h.err = ErrInternal // stands if the handler panics or ends its goroutine
	defer h.finish()
	if h.err = h.handle(&h.Context, &h.result); h.err == nil {
		h.err = checkSize(h.size(h.result), h.max)
	}
	h.err = h.source.judge(h.err, h.span.why)
}

func (h *running[T]) finish() {
	if p := recover(); p != nil {
		h.err = h.source.panicked(p)
	}
	h.span.End(errDone)
}

// judge says what a handler's error means; nil if it has a result to show. ended
// is why the handler's context has ended, nil if it has not.
func (s *source) judge(err error, ended func() error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errTooLarge):
		s.report("output too large", "tool_output", err)
	case ended() != nil:
		return endedBy(ended()) // it only passed its context's error on
	case plainError(err):
		return err
	default:
		s.report("handler broke", "tool_error", err)
	}
	return ErrInternal
}

func (s *source) panicked(p any) error {
	s.report("handler panicked", "tool_panic", fmt.Errorf("%v", p), "stack", string(debug.Stack()))
	return ErrInternal
}

func (s *source) report(message, event string, err error, more ...any) {
	attrs := append([]any{"event", event, "tool", s.name, "request_id", s.requestID.String(), "err", err}, more...)
	s.log.Error(message, attrs...)
}
