package mcp

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// The members of _meta that 2026-07-28 gives a meaning.
const (
	metaVersion      = "io.modelcontextprotocol/protocolVersion"
	metaCapabilities = "io.modelcontextprotocol/clientCapabilities"
	metaLogLevel     = "io.modelcontextprotocol/logLevel"
)

// The members of _meta that every revision knows.
const (
	metaProgress    = "progressToken"
	metaTraceParent = "traceparent"
	metaTraceState  = "tracestate"
	metaBaggage     = "baggage"
)

var knownMeta = []string{
	metaVersion, metaCapabilities, metaLogLevel, metaProgress, metaTraceParent, metaTraceState, metaBaggage,
}

// choose decides by which revision a message is served. In order:
//
//  1. a header sent twice is refused;
//  2. the 2024-11-05 transport has no modern revision: only handshake semantics;
//  3. _meta with a version, a modern header or an unknown one: the modern path;
//  4. else the header's version, the session's, or what the transport assumes.
func choose(r *Request, meta *members) (revision, *Error) {
	header := r.ProtocolVersion
	if header.Count > 1 {
		return revision{}, mismatch("MCP-Protocol-Version was sent more than once")
	}
	named, known := lookup(header.value())
	if r.Transport == LegacySSE {
		if header.Count == 1 && known && !named.modern {
			return named, nil
		}
		return r.remembered(Version20241105), nil
	}
	if meta.get(metaVersion) != nil || header.Count == 1 && (!known || named.modern) {
		return chooseModern(header, meta)
	}
	if header.Count == 1 {
		return named, nil
	}
	return r.remembered(Version20250326), nil
}

// remembered is the session's revision, or the one to assume without a session.
func (r *Request) remembered(assumed string) revision {
	if r.Session != nil {
		if known, ok := lookup(r.Session.Version); ok && !known.modern {
			return known
		}
	}
	return mustLookup(assumed)
}

// chooseModern compares the version in the header with the one in _meta: what a
// gateway sees and what is executed must be the same.
func chooseModern(header Header, meta *members) (revision, *Error) {
	inHeader := header.value()
	if meta.get(metaVersion) == nil {
		if named, known := lookup(inHeader); !known || !named.modern {
			return revision{}, unsupported(inHeader)
		}
		return revision{}, invalidParams("params._meta must hold " + metaVersion + " in this revision")
	}
	inBody, ok := stringOf(meta.get(metaVersion))
	switch {
	case !ok:
		return revision{}, invalidParams(metaVersion + " must be a string")
	case header.Count == 0:
		return revision{}, mismatch("the header MCP-Protocol-Version is missing")
	case inHeader != inBody:
		return revision{}, mismatch("MCP-Protocol-Version is not the version in _meta")
	}
	named, known := lookup(inBody)
	if !known || !named.modern {
		return revision{}, unsupported(inBody)
	}
	return named, nil
}

// checkModern holds a request to the rules of 2026-07-28 before its method is
// looked at: mirrored headers, then the capabilities in _meta.
func checkModern(r *Request, m *method, msg *message, params, meta *members) *Error {
	if problem := checkMirror("Mcp-Method", r.Method, msg.method, false); problem != nil {
		return problem
	}
	if m.mirrored != "" {
		if name, ok := stringOf(params.get(m.mirrored)); ok || r.Name.Count > 0 {
			if problem := checkMirror("Mcp-Name", r.Name, name, true); problem != nil {
				return problem
			}
		}
	}
	if meta.get(metaCapabilities).Kind() != '{' {
		return invalidParams("params._meta must hold " + metaCapabilities + ", an object, in this revision")
	}
	if raw := meta.get(metaLogLevel); raw != nil && readLevel(raw) == 0 {
		return invalidParams(metaLogLevel + " must be one of " + levelNames)
	}
	return nil
}

// checkMirror compares a header with the body's value it mirrors.
func checkMirror(name string, h Header, want string, mayEncode bool) *Error {
	value, ok := h.value(), true
	if mayEncode {
		value, ok = decodeHeader(value)
	}
	switch {
	case h.Count == 0:
		return mismatch("the header " + name + " is missing")
	case h.Count > 1:
		return mismatch(name + " was sent more than once")
	case !ok || !visible(h.value()):
		return mismatch(name + " is malformed")
	case value != want:
		return mismatch(name + " is not what the body says")
	}
	return nil
}

// value is the header's value without the optional white space of RFC 9110 §5.6.3.
func (h Header) value() string { return strings.Trim(h.Value, " \t") }

// decodeHeader undoes =?base64?…?=, by which a value that is not plain text
// travels in a header. Both markers are there, in lower case; anything else is
// plain.
func decodeHeader(value string) (string, bool) {
	inner, ok := strings.CutPrefix(value, "=?base64?")
	if ok {
		inner, ok = strings.CutSuffix(inner, "?=")
	}
	if !ok {
		return value, true
	}
	text, err := base64.StdEncoding.Strict().DecodeString(inner)
	return string(text), err == nil && utf8.Valid(text) && !strings.ContainsAny(inner, "\r\n")
}

// visible reports whether value is visible ASCII, space and tab.
func visible(value string) bool {
	for i := range len(value) {
		if c := value[i]; c != '\t' && (c < ' ' || c > '~') {
			return false
		}
	}
	return true
}

func mismatch(message string) *Error { return &Error{Code: codeHeaderMismatch, Message: message} }

// unsupported refuses a version. The list is the one of server/discover; a
// handshake version in it is reached through initialize.
func unsupported(requested string) *Error {
	message := "this protocol version is not supported"
	if _, known := lookup(requested); known {
		message = "this protocol version begins with initialize, it is not chosen in _meta"
	}
	return &Error{
		Code:    codeVersion,
		Message: message,
		Data: struct {
			Supported []string `json:"supported"`
			Requested string   `json:"requested"`
		}{Versions(), strings.ToValidUTF8(requested, "")},
	}
}

// readMeta reads the known members of params._meta.
func readMeta(params *members) (members, *Error) {
	raw := params.get("_meta")
	if raw == nil {
		return members{}, nil
	}
	if raw.Kind() != '{' {
		return members{}, invalidParams("params._meta must be an object")
	}
	return readObject(raw, true, knownMeta...)
}

var knownCapabilities = []string{"roots", "sampling", "elicitation"}

// readCapabilities reads what a client says it can do for the server.
func readCapabilities(raw jsontext.Value) (Capabilities, *Error) {
	var c Capabilities
	if raw == nil {
		return c, nil
	}
	if raw.Kind() != '{' {
		return c, invalidParams("capabilities must be an object")
	}
	m, problem := readObject(raw, true, knownCapabilities...)
	if problem != nil {
		return c, problem
	}
	if m.get("roots").Kind() == '{' {
		c |= Roots
	}
	if m.get("sampling").Kind() == '{' {
		c |= Sampling
	}
	if m.get("elicitation").Kind() == '{' {
		modes, problem := readObject(m.get("elicitation"), true, "form", "url")
		if problem != nil {
			return c, problem
		}
		if modes.get("url").Kind() == '{' {
			c |= ElicitationURL
		}
		if modes.get("form").Kind() == '{' || modes.get("url") == nil { // {} means forms, as it did before there were modes
			c |= ElicitationForm
		}
	}
	return c, nil
}
