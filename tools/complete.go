package tools

import (
	"context"
	"maps"
)

// Completion is what a person has typed so far.
type Completion struct {
	// Value is the beginning of the argument to complete. It may be empty.
	Value string
	// Others are the arguments that are known already; nil before 2025-06-18.
	Others map[string]string
}

// completer suggests values of arguments, by their names.
type completer map[string]func(*Context, Completion) ([]string, error)

func (c completer) with(name string, suggest func(*Context, Completion) ([]string, error)) completer {
	more := maps.Clone(c)
	if more == nil {
		more = completer{}
	}
	more[name] = suggest
	return more
}

// Reference is what a completion is for: Prompt or URI is set.
type Reference struct {
	// Prompt is the name of a prompt.
	Prompt string
	// URI is the template of resources, or the address of one.
	URI string
}

// Complete suggests values for an argument. c.Name and c.Arguments are not used.
// The error is ErrUnknownPrompt, ErrNotFound, an *ArgumentError for an unknown
// argument, or as for Read. An argument without suggestions has none.
func (r *Registry) Complete(ctx context.Context, c Call, ref Reference, argument string, typed Completion) ([]string, error) {
	known, suggest, err := r.suggestions(c.Caller, ref, argument)
	switch {
	case err != nil:
		return nil, err
	case !known:
		return nil, &ArgumentError{ref.Prompt + ref.URI, "there is no argument of this name"}
	case suggest == nil:
		return nil, nil
	}
	c.what = "completion of " + ref.Prompt + ref.URI
	size := func(values []string) (n int) {
		for _, v := range values {
			n += len(v)
		}
		return n
	}
	return run(ctx, r, &c, size, func(tc *Context, values *[]string) (err error) {
		*values, err = suggest(tc, typed)
		return explained(err)
	})
}

// suggestions finds out whether the argument exists, and who completes it.
func (r *Registry) suggestions(caller Caller, ref Reference, argument string) (known bool, suggest func(*Context, Completion) ([]string, error), err error) {
	if ref.Prompt != "" {
		p, ok := r.byPrompt[ref.Prompt]
		if !ok || !permits(p.Allow, caller) {
			return false, nil, ErrUnknownPrompt
		}
		for _, a := range p.Arguments {
			known = known || a.Name == argument
		}
		return known, p.completer[argument], nil
	}
	res, ok := r.byURI[ref.URI]
	if !ok || !permits(res.Allow, caller) {
		return false, nil, ErrNotFound
	}
	for _, name := range res.Variables {
		known = known || name == argument
	}
	return known, res.completer[argument], nil
}
