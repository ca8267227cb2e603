package oauth

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// Params are the parameters of a query or of a form body, parsed once at the
// door. A parameter must not occur twice (RFC 6749 §3.1, §3.2): which of the two
// a server takes is how parameter pollution works, so Params takes neither and
// says which names were repeated.
type Params struct {
	values   map[string]string
	repeated []string
}

// maxParams bounds the parameters of one request.
const maxParams = 64

// ErrParams: not application/x-www-form-urlencoded text.
var ErrParams = errors.New("parameters are not valid application/x-www-form-urlencoded text")

// ParseParams reads a query string or form body. Unlike a lenient parser it
// refuses bad percent-encoding, invalid UTF-8, NUL, and ";" between parameters.
func ParseParams(raw string) (Params, error) {
	p := Params{values: make(map[string]string)}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, err := parsePair(pair)
		if err != nil || len(p.values) == maxParams {
			return Params{}, ErrParams
		}
		if _, again := p.values[name]; again {
			p.repeated = append(p.repeated, name)
		}
		p.values[name] = value
	}
	return p, nil
}

func parsePair(pair string) (name, value string, err error) {
	rawName, rawValue, _ := strings.Cut(pair, "=")
	name, err1 := url.QueryUnescape(rawName)
	value, err2 := url.QueryUnescape(rawValue)
	if err1 != nil || err2 != nil || strings.Contains(pair, ";") || !isText(name) || !isText(value) {
		return "", "", ErrParams
	}
	return name, value, nil
}

func isText(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// Get returns a parameter, "" when it is absent or repeated.
func (p Params) Get(name string) string {
	if p.Repeated(name) {
		return ""
	}
	return p.values[name]
}

// Has says whether a parameter occurs, even with an empty value.
func (p Params) Has(name string) bool { _, ok := p.values[name]; return ok }

// Repeated says whether a parameter occurs more than once.
func (p Params) Repeated(name string) bool { return slices.Contains(p.repeated, name) }

// AnyRepeated returns the first repeated name, or "".
func (p Params) AnyRepeated() string {
	if len(p.repeated) == 0 {
		return ""
	}
	return p.repeated[0]
}
