package tools

import (
	"fmt"
	"slices"
	"time"
)

// Registry holds the tools of a server in the order they were given. It is not
// changed once it is in use.
type Registry struct {
	// Timeout is how long a tool may run. 30 s by default.
	Timeout time.Duration
	// MaxOutput is the largest output of a tool, in bytes of JSON and text
	// together. 4 MiB by default.
	MaxOutput int

	tools  []Tool
	byName map[string]Tool
}

// NewRegistry returns a registry of the given tools, in this order. It fails if
// a tool is malformed or two have one name.
func NewRegistry(tools ...Tool) (*Registry, error) {
	r := &Registry{
		Timeout:   30 * time.Second,
		MaxOutput: 4 << 20,
		tools:     slices.Clone(tools),
		byName:    make(map[string]Tool, len(tools)),
	}
	for _, t := range tools {
		if t.err == nil && t.perform == nil {
			t.err = fmt.Errorf("not built by tools.New")
		}
		if t.err != nil {
			return nil, fmt.Errorf("tool %q: %w", t.Name, t.err)
		}
		if _, taken := r.byName[t.Name]; taken {
			return nil, fmt.Errorf("tool %q is registered twice", t.Name)
		}
		r.byName[t.Name] = t
	}
	return r, nil
}

// Tools lists the tools in the order they were registered.
func (r *Registry) Tools() []Tool { return slices.Clone(r.tools) }
