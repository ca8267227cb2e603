package mcp

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-oauth-server/tools"
)

// The error codes of JSON-RPC 2.0 §5.1 and of MCP 2026-07-28.
const (
	codeParse             = -32700
	codeInvalidRequest    = -32600
	codeMethodNotFound    = -32601
	codeInvalidParams     = -32602
	codeInternal          = -32603
	codeHeaderMismatch    = -32020
	codeMissingCapability = -32021
	codeVersion           = -32022
	codeResourceNotFound  = -32002 // up to 2025-11-25
)

// Error is a JSON-RPC error object. Everything in it is shown to the client.
type Error struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data,omitzero"`
}

func (e *Error) Error() string { return e.Message }

func invalidRequest(message string) *Error { return &Error{Code: codeInvalidRequest, Message: message} }
func invalidParams(message string) *Error  { return &Error{Code: codeInvalidParams, Message: message} }

func methodNotFound(method string) *Error {
	return &Error{Code: codeMethodNotFound, Message: fmt.Sprintf("method %.64q is not offered in this revision", method)}
}

// maxDepth bounds the nesting of a body: deeper ones only cost memory.
const maxDepth = 64

// tooDeep reports whether data nests arrays and objects deeper than maxDepth. It
// looks at brackets only, so it may stand before the parser, which recurses.
func tooDeep(data []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			if depth++; depth > maxDepth {
				return true
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return false
}

// checkJSON accepts exactly one JSON value of bounded depth in valid UTF-8 with
// no name twice in an object: two parsers must not see two messages in it.
func checkJSON(body []byte) *Error {
	if surelyValid(body, new(outline)) {
		return nil
	}
	return judgeJSON(body)
}

// judgeJSON is checkJSON for what is not surely valid.
func judgeJSON(body []byte) *Error {
	switch {
	case tooDeep(body):
		return invalidRequest("the JSON is nested too deeply: at most 64 levels")
	case jsontext.Value(body).IsValid():
		return nil
	}
	return faultOf(body)
}

// faultOf says what is wrong with a body that is not valid.
func faultOf(body []byte) *Error {
	err := jsontext.NewDecoder(bytes.NewBuffer(body)).SkipValue()
	switch {
	case err == nil:
		return &Error{Code: codeParse, Message: "the body holds more than one JSON value"}
	case errors.Is(err, jsontext.ErrDuplicateName):
		return invalidRequest("a JSON object has two members of one name")
	}
	return &Error{Code: codeParse, Message: "the body is not valid JSON"}
}

// maxKnown is the largest number of members that is known of any object.
const maxKnown = 7

// members are the known members of one JSON object. The zero value has none.
type members struct {
	known  []string
	object jsontext.Value
	at     [maxKnown]place // of their values in object
}

// place is where a value begins and ends; the zero one is nowhere. A body is
// short enough for 32 bits.
type place struct{ begin, end uint32 }

// get returns the value of a known member as it was written; nil if it was absent.
func (m *members) get(name string) jsontext.Value {
	if i := slices.Index(m.known, name); i >= 0 {
		return m.nth(i)
	}
	return nil
}

// nth is get for the i-th of the known members.
func (m *members) nth(i int) jsontext.Value {
	at := m.at[i]
	if at.end == 0 {
		return nil
	}
	return m.object[at.begin:at.end:at.end]
}

// readObject reads the known members, maxKnown at most, of an object that
// checkJSON has passed; they are pieces of it. Other members are left out if
// open is true and refused if not. A name that only resembles a known one is
// always refused: some other parser on the way, a gateway that filters methods
// for one, may take it for the known one.
func readObject(object jsontext.Value, open bool, known ...string) (members, *Error) {
	if object.Kind() != '{' {
		return members{}, invalidRequest("not a JSON object")
	}
	found := members{known: known, object: object}
	for m := tools.MembersOf(object); m.Next(); {
		name, ok := plainText(m.Name)
		if !ok {
			text, _ := stringOf(m.Name)
			name = []byte(text)
		}
		begin, end := m.ValueAt()
		if problem := found.note(name, place{uint32(begin), uint32(end)}, open); problem != nil {
			return members{}, problem
		}
	}
	return found, nil
}

// read is readObject into found, for an object of body whose outline is known.
func (c *contents) read(found *members, body jsontext.Value, open bool, known ...string) *Error {
	*found = members{known: known, object: body}
	for i := range c.n {
		name := c.at[i].name
		if problem := found.note(body[name.begin+1:name.end-1], c.at[i].value, open); problem != nil {
			*found = members{}
			return problem
		}
	}
	return nil
}

// note notes where the value of a member is, if that is known.
func (m *members) note(name []byte, value place, open bool) *Error {
	for i, known := range m.known {
		if known == string(name) {
			m.at[i] = value
			return nil
		}
	}
	if !open {
		return invalidRequest("unknown member in the message: JSON-RPC allows jsonrpc, id, method, params, result, error")
	}
	for _, known := range m.known {
		if resembles(string(name), known) {
			return invalidRequest("a member is written almost like " + known + ": names are case-sensitive")
		}
	}
	return nil
}

// plainText returns what is between the quotes of a valid string without
// escapes: such a string means what it says.
func plainText(quoted jsontext.Value) ([]byte, bool) {
	if len(quoted) < 2 || quoted[0] != '"' || bytes.IndexByte(quoted, '\\') >= 0 {
		return nil, false
	}
	return quoted[1 : len(quoted)-1], true
}

// resembles reports whether a lenient parser could take name for known: other
// case (in Unicode's sense: ſ is an s, K is a k), or white space and control
// characters around it.
func resembles(name, known string) bool {
	trimmed := strings.TrimFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f })
	return strings.EqualFold(trimmed, known)
}

// message is one JSON-RPC 2.0 message. A request has a method and an id, a
// notification no id, a response no method.
type message struct {
	id     jsontext.Value // as it was written, a string or an integer; nil if absent
	method string
	known  *method        // of that name; noMethod if it does not exist
	params jsontext.Value // an object; nil if absent
	reply  bool           // a response to a request of ours
}

// envelope is what a message consists of, at the places below.
var envelope = []string{"jsonrpc", "id", "method", "params", "result", "error"}

const (
	itsVersion = iota
	itsID
	itsMethod
	itsParams
	itsResult
	itsError
)

// parse reads one message from JSON that checkJSON has passed, with its outline if
// there is one. The id is set even when an error is returned, if it was readable.
func (msg *message) parse(raw jsontext.Value, o *outline) (problem *Error) {
	var m members
	if o != nil {
		problem = o.message.read(&m, raw, false, envelope...)
	} else {
		m, problem = readObject(raw, false, envelope...)
	}
	if problem != nil {
		msg.id = idOf(raw)
		return problem
	}
	if id := m.nth(itsID); id != nil && !validID(id) {
		return invalidRequest("id must be a string or an integer")
	}
	msg.id, msg.params = m.nth(itsID), m.nth(itsParams)
	if !isText(m.nth(itsVersion), "2.0") {
		return invalidRequest(`jsonrpc must be "2.0"`)
	}
	if m.nth(itsMethod) == nil {
		return msg.asReply(&m)
	}
	if m.nth(itsResult) != nil || m.nth(itsError) != nil {
		return invalidRequest("a message is a request or a response, not both")
	}
	var ok bool
	if msg.method, msg.known, ok = methodOf(m.nth(itsMethod)); !ok || msg.method == "" {
		return invalidRequest("method must be a string")
	}
	if msg.params != nil && msg.params.Kind() != '{' {
		return invalidRequest("params must be an object")
	}
	return nil
}

// asReply checks a message without a method.
func (msg *message) asReply(m *members) *Error {
	msg.reply = true
	switch {
	case m.nth(itsResult) == nil && m.nth(itsError) == nil:
		return invalidRequest("method is missing")
	case m.nth(itsResult) != nil && m.nth(itsError) != nil, m.nth(itsParams) != nil, msg.id == nil && m.nth(itsResult) != nil:
		return invalidRequest("not a valid response")
	}
	return nil
}

// idOf finds the id of an object that is no valid message, so that the client
// can tell which of its requests failed.
func idOf(raw jsontext.Value) jsontext.Value {
	m, problem := readObject(raw, true, "id")
	if problem != nil || !validID(m.get("id")) {
		return nil
	}
	return m.get("id")
}

// validID accepts strings, and integers that fit in 64 bits: a float or a huge
// number may be rounded on its way back and then names another request.
func validID(id jsontext.Value) bool {
	if len(id) == 0 {
		return false
	}
	if len(id) < 19 && !slices.ContainsFunc(id, func(c byte) bool { return c < '0' || c > '9' }) {
		return true
	}
	var n int64
	return id.Kind() == '"' || id.Kind() == '0' && json.Unmarshal(id, &n) == nil
}

// stringOf returns the string in v, if it is one. v was checked by checkJSON.
func stringOf(v jsontext.Value) (string, bool) {
	if plain, ok := plainText(v); ok {
		return string(plain), true
	}
	if v.Kind() != '"' {
		return "", false
	}
	text, err := jsontext.AppendUnquote(nil, v)
	return string(text), err == nil
}

// isText reports whether v is this string.
func isText(v jsontext.Value, want string) bool {
	if plain, ok := plainText(v); ok {
		return string(plain) == want // without a copy
	}
	text, ok := stringOf(v)
	return ok && text == want
}

// readMember is readObject for a member of params that must be an object.
func readMember(raw jsontext.Value, name string, known ...string) (members, *Error) {
	if raw.Kind() != '{' {
		return members{}, invalidParams(name + " must be an object")
	}
	return readObject(raw, true, known...)
}
