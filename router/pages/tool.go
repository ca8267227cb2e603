package pages

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Tool is what a page tells about a tool.
type Tool struct {
	Name, Title, Description string
	Arguments                []Argument
}

// Argument is one argument of a tool.
type Argument struct {
	Name        string
	Type        string // as JSON Schema calls it
	Description string
	Required    bool
}

// NewTool describes a tool whose arguments are the properties of its input
// schema (JSON Schema 2020-12), in the order in which the schema has them.
func NewTool(name, title, description string, inputSchema []byte) (Tool, error) {
	t := Tool{Name: name, Title: title, Description: description}
	var schema struct {
		Properties jsontext.Value `json:"properties"`
		Required   []string       `json:"required"`
	}
	if err := json.Unmarshal(inputSchema, &schema); err != nil {
		return Tool{}, fmt.Errorf("the input schema of %s: %w", name, err)
	}
	arguments, err := argumentsOf(schema.Properties)
	if err != nil {
		return Tool{}, fmt.Errorf("the input schema of %s: %w", name, err)
	}
	for i := range arguments {
		arguments[i].Required = slices.Contains(schema.Required, arguments[i].Name)
	}
	t.Arguments = arguments
	return t, nil
}

// argumentsOf reads the members of a "properties" object one by one, because a
// map would lose their order.
func argumentsOf(properties jsontext.Value) ([]Argument, error) {
	if len(properties) == 0 {
		return nil, nil
	}
	d := jsontext.NewDecoder(strings.NewReader(string(properties)))
	if _, err := d.ReadToken(); err != nil { // {
		return nil, err
	}
	var all []Argument
	for d.PeekKind() != '}' {
		var name string
		var property struct {
			Type        any    `json:"type"`
			Description string `json:"description"`
		}
		if err := json.UnmarshalDecode(d, &name); err != nil {
			return nil, err
		}
		if err := json.UnmarshalDecode(d, &property); err != nil {
			return nil, err
		}
		all = append(all, Argument{Name: name, Type: typeName(property.Type), Description: property.Description})
	}
	return all, nil
}

// typeName says a JSON Schema type, which is a name or a list of names.
func typeName(t any) string {
	switch t := t.(type) {
	case string:
		return t
	case []any:
		var names []string
		for _, n := range t {
			names = append(names, fmt.Sprint(n))
		}
		return strings.Join(names, " or ")
	default:
		return "any"
	}
}
