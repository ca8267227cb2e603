package mcp

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-oauth-server/tools"
)

// checkParams compares the headers Mcp-Param-* of 2026-07-28 with the arguments
// they repeat: what a gateway routes by and what is executed must be the same. A
// header that no argument of this tool is repeated in is none of ours.
func (x *exchange) checkParams(t *tools.Tool, arguments jsontext.Value) *Error {
	if !x.modern {
		return nil
	}
	for _, mirrored := range t.Headers {
		name := "Mcp-Param-" + mirrored.Name
		h := x.Params[strings.ToLower(mirrored.Name)]
		want, present := argumentAt(arguments, mirrored.Path)
		if !present {
			if h.Count > 0 {
				return mismatch(name + " was sent, but not its argument")
			}
			continue
		}
		if want.Kind() == '0' { // numbers are compared as such: 1e1 is 10
			if problem := checkMirror(name, h, h.value(), false); problem != nil {
				return problem
			}
			if decimal(h.value()) != decimal(string(want)) {
				return mismatch(name + " is not what the body says")
			}
			continue
		}
		text, ok := stringOf(want)
		if !ok {
			text = string(want) // true or false, or of a type that the schema refuses later
		}
		if problem := checkMirror(name, h, text, true); problem != nil {
			return problem
		}
	}
	return nil
}

// argumentAt returns the argument at the end of a path; false if it is absent or
// null.
func argumentAt(arguments jsontext.Value, path []string) (jsontext.Value, bool) {
	at := arguments
	for _, name := range path {
		var object map[string]jsontext.Value
		if at.Kind() != '{' || json.Unmarshal(at, &object) != nil {
			return nil, false
		}
		at = object[name]
	}
	return at, len(at) > 0 && at.Kind() != 'n'
}

// decimal is an integer in its one plain form; other text is left as it is. The
// schema bounds nothing, so what JavaScript cannot count exactly is not taken
// for a number at all.
func decimal(text string) string {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != float64(int64(f)) || f > 1<<53-1 || f < -(1<<53-1) || strings.ContainsAny(text, "xXpP_nN") {
		return text
	}
	return strconv.FormatInt(int64(f), 10)
}
