package tools

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/jsonschema-go/jsonschema"
)

// headerKeyword marks an argument that travels in a header too, so that proxies
// can route by it. Such an argument must not be secret.
const headerKeyword = "x-mcp-header"

// MirroredHeader is an argument that is repeated in the header Mcp-Param-<Name>
// from revision 2026-07-28 on.
type MirroredHeader struct {
	// Name is the rest of the header's name.
	Name string
	// Path leads to the argument: the names of the objects' members.
	Path []string
	// Type is string, integer or boolean.
	Type string
}

// markHeaders puts the keyword where a field has a tag such as `header:"Region"`.
func markHeaders(schema *jsonschema.Schema, typ reflect.Type) {
	for _, field := range reflect.VisibleFields(typ) {
		header := field.Tag.Get("header")
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if property := schema.Properties[name]; header != "" && property != nil {
			if property.Extra == nil {
				property.Extra = map[string]any{}
			}
			property.Extra[headerKeyword] = header
		}
	}
}

// headersOf finds the mirrored arguments of an input schema. It refuses a
// keyword that clients refuse, for they would drop the whole tool: one that is
// no header name, or used twice, or not on a string, integer or boolean, or not
// reached through properties alone.
func headersOf(schema jsontext.Value) ([]MirroredHeader, error) {
	if !strings.Contains(string(schema), headerKeyword) {
		return nil, nil
	}
	var root any
	if err := json.Unmarshal(schema, &root); err != nil {
		return nil, err
	}
	found, err := collectHeaders(root, nil)
	if err != nil {
		return nil, err
	}
	if n := countKeyword(root); n != len(found) {
		return nil, errors.New(headerKeyword + " may only stand on an argument that is reached through properties")
	}
	for i, h := range found {
		for _, other := range found[:i] {
			if strings.EqualFold(h.Name, other.Name) {
				return nil, fmt.Errorf("%s %q is used twice", headerKeyword, h.Name)
			}
		}
	}
	slices.SortFunc(found, func(a, b MirroredHeader) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

// headerName is a token of RFC 9110 §5.6.2.
var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

func collectHeaders(schema any, path []string) (found []MirroredHeader, err error) {
	s, _ := schema.(map[string]any)
	properties, _ := s["properties"].(map[string]any)
	for name, property := range properties {
		p, _ := property.(map[string]any)
		at := append(slices.Clone(path), name)
		if keyword, marked := p[headerKeyword]; marked {
			header, _ := keyword.(string)
			typ, _ := p["type"].(string)
			switch {
			case !headerName.MatchString(header):
				return nil, fmt.Errorf("%s of argument %s is no header name", headerKeyword, name)
			case typ != "string" && typ != "integer" && typ != "boolean":
				return nil, fmt.Errorf("%s is on argument %s, which is no string, integer or boolean", headerKeyword, name)
			}
			found = append(found, MirroredHeader{Name: header, Path: at, Type: typ})
		}
		below, err := collectHeaders(p, at)
		if err != nil {
			return nil, err
		}
		found = append(found, below...)
	}
	return found, nil
}

// countKeyword counts the keyword wherever it stands, but for a property that
// has its name.
func countKeyword(v any) (n int) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			n += countKeyword(item)
		}
	case map[string]any:
		for name, item := range v {
			if properties, ok := item.(map[string]any); ok && name == "properties" {
				for _, property := range properties {
					n += countKeyword(property)
				}
				continue
			}
			if name == headerKeyword {
				n++
			}
			n += countKeyword(item)
		}
	}
	return n
}
