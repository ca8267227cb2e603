package tools

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/jsonschema-go/jsonschema"
)

// PromptSpec says what a prompt is called and what it is for.
type PromptSpec struct {
	// Name is how a client asks for it: ^[A-Za-z0-9_.-]{1,64}$. REQUIRED.
	Name string
	// Title is the name people see. REQUIRED.
	Title string
	// Description says what the prompt is for. REQUIRED.
	Description string
	// Allow decides who may use it; for others it does not exist. Nil means everybody.
	Allow func(Caller) bool
}

// Prompt is one prompt, ready for a Registry. Build it with NewPrompt.
type Prompt struct {
	PromptSpec
	// Arguments are what it takes, in order.
	Arguments []PromptArgument

	input     *jsonschema.Resolved
	perform   func(*Context, jsontext.Value) ([]Message, error)
	completer completer
	err       error
}

// PromptArgument is one argument of a prompt. Its value is text.
type PromptArgument struct {
	Name        string `json:"name"`
	Description string `json:"description,omitzero"`
	Required    bool   `json:"required,omitzero"`
}

// Role is who says a message.
type Role string

// The roles there are.
const (
	User      Role = "user"
	Assistant Role = "assistant"
)

// Message is one message of a prompt or of a sampling.
type Message struct {
	Role    Role    `json:"role"`
	Content Content `json:"content"`
}

// NewPrompt returns the prompt that spec describes and handle writes. In is a
// struct of strings, whose tags are as in New. An error is shown to the client,
// but for one that wraps ErrInternal.
func NewPrompt[In any](spec PromptSpec, handle func(*Context, In) ([]Message, error)) Prompt {
	p := Prompt{PromptSpec: spec}
	if p.err = (Spec{Name: spec.Name, Title: spec.Title, Description: spec.Description}).check(); p.err != nil {
		return p
	}
	if p.input, p.Arguments, p.err = stringsOf[In](); p.err != nil {
		return p
	}
	p.perform = func(c *Context, arguments jsontext.Value) ([]Message, error) {
		var in In
		if err := decode(spec.Name, p.input, arguments, &in); err != nil {
			return nil, err
		}
		return handle(c, in)
	}
	return p
}

// Completing returns the prompt with suggestions for one argument.
func (p Prompt) Completing(argument string, suggest func(*Context, Completion) ([]string, error)) Prompt {
	if p.err == nil && !slices.ContainsFunc(p.Arguments, func(a PromptArgument) bool { return a.Name == argument }) {
		p.err = fmt.Errorf("no argument %q to complete", argument)
	}
	p.completer = p.completer.with(argument, suggest)
	return p
}

func (p Prompt) register(reg *Registry) error {
	if p.err == nil && p.perform == nil {
		p.err = errors.New("not built by tools.NewPrompt")
	}
	if p.err != nil {
		return fmt.Errorf("prompt %q: %w", p.Name, p.err)
	}
	if _, taken := reg.byPrompt[p.Name]; taken {
		return fmt.Errorf("prompt %q is registered twice", p.Name)
	}
	reg.byPrompt[p.Name] = p
	reg.prompts = append(reg.prompts, p)
	return nil
}

// Prompt writes the prompt c.Name. The errors are those of Read, but
// ErrUnknownPrompt for ErrNotFound.
func (r *Registry) Prompt(ctx context.Context, c Call) (Prompt, []Message, error) {
	p, ok := r.byPrompt[c.Name]
	if !ok || !permits(p.Allow, c.Caller) {
		return Prompt{}, nil, ErrUnknownPrompt
	}
	c.what = "prompt " + p.Name
	size := func(messages []Message) (n int) {
		for _, m := range messages {
			n += m.Content.size()
		}
		return n
	}
	messages, err := run(ctx, r, &c, size, func(tc *Context, messages *[]Message) (err error) {
		*messages, err = p.perform(tc, c.Arguments)
		return explained(err)
	})
	return p, messages, err
}

// stringsOf is schemaOf for a struct of strings, and its fields in order.
func stringsOf[In any]() (*jsonschema.Resolved, []PromptArgument, error) {
	resolved, _, err := schemaOf[In]()
	if err != nil {
		return nil, nil, err
	}
	schema := resolved.Schema()
	var fields []PromptArgument
	for _, name := range schema.PropertyOrder {
		if schema.Properties[name].Type != "string" {
			return nil, nil, fmt.Errorf("%s: field %s is not a string", reflect.TypeFor[In](), name)
		}
		fields = append(fields, PromptArgument{
			Name: name, Description: schema.Properties[name].Description, Required: slices.Contains(schema.Required, name),
		})
	}
	return resolved, fields, nil
}

func sameNames(fields []PromptArgument, names []string) bool {
	if len(fields) != len(names) {
		return false
	}
	for _, f := range fields {
		if !slices.Contains(names, f.Name) {
			return false
		}
	}
	return true
}
