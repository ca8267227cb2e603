package tools

import "github.com/go-json-experiment/json/jsontext"

// Spec says what a tool is called and what it does to the world.
type Spec struct {
	// Name is how a client calls the tool: ^[A-Za-z0-9_.-]{1,64}$. REQUIRED.
	Name string
	// Title is the name people see. REQUIRED.
	Title string
	// Description tells the model what the tool does and when to use it. REQUIRED.
	Description string
	// Effects are what a client may rely on before it runs the tool unasked.
	Effects Effects
}

// Effects promises what a tool does not do. The zero value promises nothing, as
// the protocol's defaults do: a tool that says nothing may be destructive.
type Effects struct {
	// ReadOnly: the tool changes nothing (readOnlyHint).
	ReadOnly bool
	// Idempotent: a second equal call changes nothing more (idempotentHint).
	Idempotent bool
	// NonDestructive: the tool only adds, if it changes anything (destructiveHint=false).
	NonDestructive bool
	// ClosedWorld: the tool reaches nothing outside this server (openWorldHint=false).
	ClosedWorld bool
}

// Tool is one tool, ready for a Registry. Build it with New.
type Tool struct {
	Spec
	// InputSchema and OutputSchema are JSON Schema 2020-12 objects.
	InputSchema, OutputSchema jsontext.Value
}

// New returns the tool that spec describes and handle performs. In and Out are
// structs; their JSON schemas are derived from the json and jsonschema tags.
// Out may implement fmt.Stringer to say its text form; otherwise its JSON is
// the text. An error returned by handle is shown to the model, so it says what
// to do differently and holds nothing secret. A mistake in spec or the types is
// reported by NewRegistry.
func New[In, Out any](spec Spec, handle func(*Context, In) (Out, error)) Tool {
	return Tool{Spec: spec}
}
