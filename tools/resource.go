package tools

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/jsonschema-go/jsonschema"
)

// ResourceSpec says what a resource is.
type ResourceSpec struct {
	// URI is the resource's address, or a template of addresses with {variables}
	// (RFC 6570 level 1), each of which stands for one path segment or less.
	// REQUIRED.
	URI string
	// Name is for programs, Title for people, Description for the model. Name and
	// Title are REQUIRED.
	Name, Title, Description string
	// MIMEType is that of the content, if all of it has the same. OPTIONAL.
	MIMEType string
	// Allow decides whose resource it is; for others it does not exist. Nil means
	// everybody's.
	Allow func(Caller) bool
}

// Resource is one resource, or a template of many, ready for a Registry. Build
// it with NewResource.
type Resource struct {
	ResourceSpec
	// Variables are the names in the template, in order; none if URI is an address.
	Variables []string

	pattern   *regexp.Regexp // of a template
	input     *jsonschema.Resolved
	perform   func(*Context, string, jsontext.Value) ([]ResourceContent, error)
	completer completer
	err       error
}

// NewResource returns the resource that spec describes and handle reads. In is a
// struct of one string per variable of the template, named by its json tag; a
// struct without fields for a fixed address. The values are what the client
// wrote, percent-decoded: they may hold a slash, or be two dots.
//
// An error is shown to the client, ErrNotFound as the protocol's own, but for
// those that wrap ErrInternal.
func NewResource[In any](spec ResourceSpec, handle func(*Context, In) ([]ResourceContent, error)) Resource {
	r := Resource{ResourceSpec: spec}
	if r.pattern, r.Variables, r.err = parseTemplate(spec.URI); r.err != nil {
		return r
	}
	if spec.Name == "" || spec.Title == "" {
		r.err = errors.New("name and title must be set")
		return r
	}
	input, fields, err := stringsOf[In]()
	if err != nil {
		r.err = err
		return r
	}
	if !sameNames(fields, r.Variables) {
		r.err = fmt.Errorf("the template has the variables %q and the handler wants others", r.Variables)
		return r
	}
	r.input = input
	r.perform = func(c *Context, uri string, arguments jsontext.Value) ([]ResourceContent, error) {
		var in In
		if err := decode(spec.Name, input, arguments, &in); err != nil {
			return nil, err
		}
		contents, err := handle(c, in)
		for i := range contents {
			if contents[i].URI == "" {
				contents[i].URI = uri
			}
			if contents[i].MIMEType == "" {
				contents[i].MIMEType = spec.MIMEType
			}
		}
		return contents, err
	}
	return r
}

// Completing returns the template with suggestions for one variable.
func (r Resource) Completing(variable string, suggest func(*Context, Completion) ([]string, error)) Resource {
	if r.err == nil && !slices.Contains(r.Variables, variable) {
		r.err = fmt.Errorf("no variable %q to complete", variable)
	}
	r.completer = r.completer.with(variable, suggest)
	return r
}

func (r Resource) register(reg *Registry) error {
	if r.err == nil && r.perform == nil {
		r.err = errors.New("not built by tools.NewResource")
	}
	if r.err != nil {
		return fmt.Errorf("resource %q: %w", r.URI, r.err)
	}
	if _, taken := reg.byURI[r.URI]; taken {
		return fmt.Errorf("resource %q is registered twice", r.URI)
	}
	reg.byURI[r.URI] = r
	if r.pattern == nil {
		reg.resources = append(reg.resources, r)
	} else {
		reg.templates = append(reg.templates, r)
	}
	return nil
}

// Read reads the resource with the URI c.Name. The error is ErrNotFound, that
// of the handler in a *HandlerError, an *ArgumentError, a *MissingAbility,
// ErrOverdue, context.Canceled or ErrInternal.
func (r *Registry) Read(ctx context.Context, c Call) ([]ResourceContent, error) {
	res, variables, ok := r.find(c.Caller, c.Name)
	if !ok {
		return nil, ErrNotFound
	}
	arguments, err := json.Marshal(variables)
	if err != nil {
		return nil, ErrNotFound // a variable is not UTF-8
	}
	c.what = "resource " + res.Name
	size := func(contents []ResourceContent) (n int) {
		for _, content := range contents {
			n += content.size()
		}
		return n
	}
	return run(ctx, r, &c, size, func(tc *Context, contents *[]ResourceContent) (err error) {
		*contents, err = res.perform(tc, c.Name, arguments)
		if err == nil && len(*contents) == 0 {
			return ErrNotFound
		}
		return explained(err)
	})
}

// Readable reports whether the caller may read the resource.
func (r *Registry) Readable(caller Caller, uri string) bool {
	_, _, ok := r.find(caller, uri)
	return ok
}

// find returns the resource of a URI: a fixed one before the templates, and
// those in their order.
func (r *Registry) find(caller Caller, uri string) (Resource, map[string]string, bool) {
	if res, ok := r.byURI[uri]; ok && res.pattern == nil {
		return res, map[string]string{}, permits(res.Allow, caller)
	}
	for _, t := range r.templates {
		m := t.pattern.FindStringSubmatch(uri)
		if m == nil || !permits(t.Allow, caller) {
			continue
		}
		values := make(map[string]string, len(t.Variables))
		for i, name := range t.Variables {
			value, err := url.PathUnescape(m[i+1])
			if err != nil {
				return Resource{}, nil, false
			}
			values[name] = value
		}
		return t, values, true
	}
	return Resource{}, nil, false
}

var variablePattern = regexp.MustCompile(`\{[A-Za-z_][A-Za-z0-9_]*\}`)

// parseTemplate returns the pattern of a template's addresses and its variables;
// no pattern for an address without any.
func parseTemplate(uri string) (*regexp.Regexp, []string, error) {
	parsed, err := url.Parse(variablePattern.ReplaceAllString(uri, "x"))
	if err != nil || parsed.Scheme == "" || strings.ContainsAny(parsed.String(), "{}") {
		return nil, nil, fmt.Errorf("%q is neither an absolute URI nor a template with {variables}", uri)
	}
	if !strings.Contains(uri, "{") {
		return nil, nil, nil
	}
	var names []string
	pattern, rest := "^", uri
	for {
		at := variablePattern.FindStringIndex(rest)
		if at == nil {
			break
		}
		if len(names) > 0 && at[0] == 0 {
			return nil, nil, errors.New("two variables stand side by side: no address tells them apart")
		}
		name := rest[at[0]+1 : at[1]-1]
		if slices.Contains(names, name) {
			return nil, nil, fmt.Errorf("variable %q comes twice", name)
		}
		names = append(names, name)
		pattern += regexp.QuoteMeta(rest[:at[0]]) + "([^/?#]+)"
		rest = rest[at[1]:]
	}
	compiled, err := regexp.Compile(pattern + regexp.QuoteMeta(rest) + "$")
	return compiled, names, err
}
