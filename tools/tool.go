package tools

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/jsonschema-go/jsonschema"
)

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
	// Allow decides who may use the tool; for others it does not exist. Nil means
	// everybody.
	Allow func(Caller) bool
	// Logs says that the tool sends log messages to the client (Context.Log);
	// otherwise they are dropped.
	Logs bool
	// Announces are the changes the tool announces (Context.Announce); others are
	// dropped.
	Announces ChangeKind
	// Schema replaces the input schema that is derived from In, which may then be
	// of any type. It is JSON Schema 2020-12 of an object, without references to
	// other documents. OPTIONAL.
	Schema jsontext.Value
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
	// InputSchema and OutputSchema are JSON Schema 2020-12 objects. OutputSchema is
	// nil if the tool has no structured output.
	InputSchema, OutputSchema jsontext.Value
	// Headers are the arguments that are repeated in headers.
	Headers []MirroredHeader

	input, output *jsonschema.Resolved
	flat          *flat // the short way for arguments; nil if there is none
	perform       performer
	computes      bool  // perform needs no Context
	err           error // what New found wrong; NewRegistry reports it
}

// performer runs a handler with JSON arguments. The output may have most bytes of
// JSON and text.
type performer func(c *Context, arguments jsontext.Value, most int, result *Result) error

// Computes reports whether the tool was built with NewFunc.
func (t *Tool) Computes() bool { return t.computes }

// New returns the tool that spec describes and handle performs. In and Out are
// structs; their JSON schemas are derived from the json tags and the jsonschema
// tags, which hold the description of a field. Fields are required unless they
// are tagged omitzero or omitempty; unknown arguments are refused. A field tagged
// `header:"Region"` is also sent in the header Mcp-Param-Region.
//
// Out may implement fmt.Stringer, with a value receiver, to say its text form;
// otherwise its JSON is the text. Instead of text it may have images and the
// like: see Contenter. An Out that is Contents itself has no structured data. An
// error returned by handle is shown to the model, so it says what to do
// differently and holds nothing secret; one that wraps ErrInternal is logged and
// hidden. A mistake in spec or in the types is reported by NewRegistry.
func New[In, Out any](spec Spec, handle func(*Context, In) (Out, error)) Tool {
	t := Tool{Spec: spec}
	if t.err = spec.check(); t.err != nil {
		return t
	}
	if t.input, t.InputSchema, t.err = inputOf[In](spec.Schema); t.err != nil {
		t.err = fmt.Errorf("input: %w", t.err)
		return t
	}
	t.flat = flattenInput(reflect.TypeFor[In](), t.input.Schema())
	if t.Headers, t.err = headersOf(t.InputSchema); t.err != nil {
		return t
	}
	if reflect.TypeFor[Out]() != reflect.TypeFor[Contents]() {
		if t.output, t.OutputSchema, t.err = schemaOf[Out](); t.err != nil {
			t.err = fmt.Errorf("output: %w", t.err)
			return t
		}
	}
	t.perform = perform(&t, handle)
	return t
}

// NewFunc is New for a tool that only computes: its output depends on its input,
// on the clock and on chance perhaps, and it waits for nothing, be it a network, a
// file, a lock or the client. Without a Context it could not even be told to stop.
// So it runs on the request's own goroutine, without what ends a call whose handler
// overruns or whose client leaves, which costs more than a short function does. One
// that waits all the same holds up its request, and nothing else.
func NewFunc[In, Out any](spec Spec, compute func(In) (Out, error)) Tool {
	t := New(spec, func(_ *Context, in In) (Out, error) { return compute(in) })
	t.computes = true
	if t.err == nil && (t.Logs || t.Announces != 0) {
		t.err = errors.New("it only computes, so it has no client to log or to announce to")
	}
	return t
}

// frame is what one run of a tool is told and says. Frames are used again: the
// handler has copies of what is in one, and a result has no piece of it.
type frame[In, Out any] struct {
	in  In
	out Out
}

func perform[In, Out any](t *Tool, handle func(*Context, In) (Out, error)) performer {
	name, flat, input, form := t.Name, t.flat, t.input, formOf[Out]()
	frames := sync.Pool{New: func() any { return new(frame[In, Out]) }}
	return func(c *Context, arguments jsontext.Value, most int, result *Result) (err error) {
		f := frames.Get().(*frame[In, Out])
		if flat == nil || !flat.read(arguments, reflect.ValueOf(&f.in).Elem()) {
			err = decode(name, input, arguments, &f.in)
		}
		if err == nil {
			if f.out, err = handle(c, f.in); err != nil {
				err = failed(err, result)
			} else {
				err = form.render(&f.out, result, most)
			}
		}
		*f = frame[In, Out]{}
		frames.Put(f)
		return err
	}
}

// namePattern is what every client accepts, and nothing that needs escaping in
// a header, a log or a page.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

func (s Spec) check() error {
	switch {
	case !namePattern.MatchString(s.Name):
		return errors.New("name must be 1 to 64 letters, digits, dots, dashes or underscores")
	case s.Title == "":
		return errors.New("title is missing: clients show it to people")
	case s.Description == "":
		return errors.New("description is missing: the model chooses tools by it")
	}
	return nil
}

// inputOf is the schema of a tool's input: the given one, or that of the type.
func inputOf[In any](given jsontext.Value) (*jsonschema.Resolved, jsontext.Value, error) {
	if given == nil {
		return schemaOf[In]()
	}
	resolved, err := resolve(given)
	if err != nil {
		return nil, nil, err
	}
	if resolved.Schema().Type != "object" {
		return nil, nil, errors.New("the schema is not of an object")
	}
	given = given.Clone()
	return resolved, given, given.Compact()
}

// schemaOf derives the JSON schema of a struct type.
func schemaOf[T any]() (*jsonschema.Resolved, jsontext.Value, error) {
	typ := reflect.TypeFor[T]()
	if typ.Kind() != reflect.Struct {
		return nil, nil, fmt.Errorf("%s is not a struct", typ)
	}
	schema, err := jsonschema.For[T](nil)
	if err != nil {
		return nil, nil, fmt.Errorf("no JSON schema for %s: %w", typ, err)
	}
	markHeaders(schema, typ)
	resolved, err := schema.Resolve(nil) // without a Loader: no schema is ever fetched
	if err != nil {
		return nil, nil, fmt.Errorf("bad JSON schema for %s: %w", typ, err)
	}
	text, err := json.Marshal(schema)
	if err != nil {
		return nil, nil, fmt.Errorf("bad JSON schema for %s: %w", typ, err)
	}
	return resolved, text, nil
}

// known refuses arguments that the Go type does not know.
var known = json.RejectUnknownMembers(true)

// decode reads arguments into in, the input of what has the name. The schema
// judges before Go's types do: it sees missing members, Go sees zero values.
func decode[In any](name string, schema *jsonschema.Resolved, arguments jsontext.Value, in *In) error {
	if len(arguments) == 0 {
		arguments = jsontext.Value("{}")
	}
	*in = *new(In) // the short way may have left something in it
	var v any
	if err := json.Unmarshal(arguments, &v); err != nil {
		return &ArgumentError{name, "not valid JSON: " + brief(err)}
	}
	if err := schema.Validate(v); err != nil {
		return &ArgumentError{name, brief(err)}
	}
	if err := json.Unmarshal(arguments, in, known); err != nil {
		where := ""
		if e, ok := errors.AsType[*json.SemanticError](err); ok {
			where = strings.TrimPrefix(string(e.JSONPointer), "/")
		}
		return &ArgumentError{name, "argument " + where + ": the value does not fit; write a whole number without point and exponent"}
	}
	return nil
}

// CheckOutput reports whether structured content fits the tool's output schema.
func (t *Tool) CheckOutput(structured jsontext.Value) error {
	if t.output == nil {
		return fmt.Errorf("%s has no structured output", t.Name)
	}
	var v any
	if err := json.Unmarshal(structured, &v); err != nil {
		return fmt.Errorf("output of %s is not JSON: %w", t.Name, err)
	}
	if err := t.output.Validate(v); err != nil {
		return fmt.Errorf("output of %s does not fit its schema: %w", t.Name, err)
	}
	return nil
}

// failed makes a handler's error the result, for the model to read, if it is for
// the model.
func failed(err error, result *Result) error {
	if _, unable := errors.AsType[*MissingAbility](err); unable || errors.Is(err, ErrInternal) {
		return err
	}
	*result = errorResult(err.Error())
	return nil
}

func errorResult(text string) Result {
	return Result{Text: strings.ToValidUTF8(text, "\uFFFD"), IsError: true}
}

// maxProblem bounds the description of bad arguments, in bytes: validators
// quote the value they refuse, whatever its size.
const maxProblem = 400

// plain rewrites the validator's paths into words.
var plain = strings.NewReplacer(
	"validating root: ", "",
	"validating /properties/", "argument ",
	"unexpected additional properties", "unknown arguments",
	"required: missing properties:", "missing arguments:",
	"jsontext: ", "", "json: ", "",
)

func brief(err error) string {
	s := plain.Replace(err.Error())
	if len(s) > maxProblem {
		s = s[:maxProblem] + "…"
	}
	return strings.ToValidUTF8(s, "")
}
