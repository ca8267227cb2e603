package tools

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Item is what a server can offer: a Tool, a Resource or a Prompt.
type Item interface{ register(*Registry) error }

// Registry holds what a server offers, each kind in the order it was given. It
// is not changed once it is in use.
type Registry struct {
	// Timeout is how long a handler may run. 30 s by default.
	Timeout time.Duration
	// AskTimeout is how long a client may take to answer a handler's questions, on
	// top of Timeout. 5 min by default.
	AskTimeout time.Duration
	// MaxOutput is the largest output of a handler, in bytes of JSON and text
	// together. 4 MiB by default.
	MaxOutput int

	tools     []Tool
	prompts   []Prompt
	resources []Resource // with fixed addresses
	templates []Resource
	byName    map[string]*Tool
	byPrompt  map[string]Prompt
	byURI     map[string]Resource // by address or template
	features  Features
	limits    limits
}

// Features is what the items of a registry make use of, and so what a server
// may promise.
type Features struct {
	// Tools, Resources, Prompts and Completions say that there are any.
	Tools, Resources, Prompts, Completions bool
	// Logs says that a tool sends log messages.
	Logs bool
	// Announces are the changes that a tool announces.
	Announces ChangeKind
}

// NewRegistry returns a registry of the given items, in this order. It fails if
// one is malformed or two have one name.
func NewRegistry(items ...Item) (*Registry, error) {
	r := &Registry{
		Timeout:    30 * time.Second,
		AskTimeout: 5 * time.Minute,
		MaxOutput:  4 << 20,
		byName:     make(map[string]*Tool),
		byPrompt:   make(map[string]Prompt),
		byURI:      make(map[string]Resource),
	}
	for _, item := range items {
		if err := item.register(r); err != nil {
			return nil, err
		}
	}
	r.features = r.survey()
	return r, nil
}

func (t Tool) register(r *Registry) error {
	if t.err == nil && t.perform == nil {
		t.err = errors.New("not built by tools.New")
	}
	if t.err != nil {
		return fmt.Errorf("tool %q: %w", t.Name, t.err)
	}
	if _, taken := r.byName[t.Name]; taken {
		return fmt.Errorf("tool %q is registered twice", t.Name)
	}
	r.byName[t.Name] = &t
	r.tools = append(r.tools, t)
	return nil
}

func (r *Registry) survey() Features {
	f := Features{
		Tools:       len(r.tools) > 0,
		Resources:   len(r.byURI) > 0,
		Prompts:     len(r.prompts) > 0,
		Completions: len(r.prompts) > 0 || len(r.templates) > 0,
	}
	for _, t := range r.tools {
		f.Logs = f.Logs || t.Logs
		f.Announces |= t.Announces
	}
	return f
}

// Features says what the items make use of.
func (r *Registry) Features() Features { return r.features }

// Tools lists the tools in the order they were registered, whoever may use them.
func (r *Registry) Tools() []Tool { return slices.Clone(r.tools) }

// ToolsFor lists the caller's tools in the order they were registered.
func (r *Registry) ToolsFor(c Caller) []Tool {
	return allowed(r.tools, func(t *Tool) bool { return permits(t.Allow, c) })
}

// PromptsFor lists the caller's prompts in the order they were registered.
func (r *Registry) PromptsFor(c Caller) []Prompt {
	return allowed(r.prompts, func(p *Prompt) bool { return permits(p.Allow, c) })
}

// ResourcesFor lists the caller's resources in the order they were registered.
func (r *Registry) ResourcesFor(c Caller) []Resource {
	return allowed(r.resources, func(res *Resource) bool { return permits(res.Allow, c) })
}

// TemplatesFor lists the caller's resource templates in the order they were
// registered.
func (r *Registry) TemplatesFor(c Caller) []Resource {
	return allowed(r.templates, func(res *Resource) bool { return permits(res.Allow, c) })
}

// Tool returns the caller's tool of that name, which may be a piece of a message.
func (r *Registry) Tool(c Caller, name []byte) (*Tool, bool) {
	t, ok := r.byName[string(name)]
	return t, ok && permits(t.Allow, c)
}

func allowed[T any](items []T, ok func(*T) bool) []T {
	list := make([]T, 0, len(items))
	for i := range items {
		if ok(&items[i]) {
			list = append(list, items[i])
		}
	}
	return list
}

func permits(allow func(Caller) bool, c Caller) bool { return allow == nil || allow(c) }
