package oauth

import (
	"errors"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Params are the parameters of a query or of a form body, parsed once at the
// door. A parameter must not occur twice (RFC 6749 §3.1, §3.2): which of the two
// a server takes is how parameter pollution works, so Params takes neither and
// says which names were repeated.
type Params struct {
	pairs    []pair // of each name the first one
	repeated string // the first name that was repeated
}

type pair struct {
	name, value string
	repeated    bool
}

// maxParams bounds the parameters of one request.
const maxParams = 64

// ErrParams: not application/x-www-form-urlencoded text.
var ErrParams = errors.New("parameters are not valid application/x-www-form-urlencoded text")

// usualParams is room for the parameters that most requests have.
const usualParams = 8

// ParseParams reads a query string or form body. Unlike a lenient parser it
// refuses bad percent-encoding, invalid UTF-8, NUL, and ";" between parameters.
// The values are pieces of raw where nothing was encoded.
func ParseParams(raw string) (Params, error) {
	if strings.IndexByte(raw, ';') >= 0 {
		return Params{}, ErrParams
	}
	p := Params{pairs: make([]pair, 0, usualParams)}
	for more := true; more; {
		var text string
		text, raw, more = strings.Cut(raw, "&")
		if text == "" {
			continue
		}
		name, value, err := parsePair(text)
		if err != nil || len(p.pairs) == maxParams {
			return Params{}, ErrParams
		}
		p.add(name, value)
	}
	return p, nil
}

func (p *Params) add(name, value string) {
	i := p.index(name)
	if i < 0 {
		p.pairs = append(p.pairs, pair{name: name, value: value})
		return
	}
	p.pairs[i].repeated = true
	if p.repeated == "" {
		p.repeated = name
	}
}

// index finds a name. There are few, so looking at each costs less than a map.
func (p *Params) index(name string) int {
	for i := range p.pairs {
		if p.pairs[i].name == name {
			return i
		}
	}
	return -1
}

func parsePair(text string) (name, value string, err error) {
	rawName, rawValue, _ := strings.Cut(text, "=")
	name, err1 := unescape(rawName)
	value, err2 := unescape(rawValue)
	if err1 != nil || err2 != nil || !isText(name) || !isText(value) {
		return "", "", ErrParams
	}
	return name, value, nil
}

// unescape spares what has no escapes, like a code, the byte-by-byte reading.
func unescape(s string) (string, error) {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s, nil
	}
	return url.QueryUnescape(s)
}

func isText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// Get returns a parameter, "" when it is absent or repeated.
func (p Params) Get(name string) string {
	i := p.index(name)
	if i < 0 || p.pairs[i].repeated {
		return ""
	}
	return p.pairs[i].value
}

// Has says whether a parameter occurs, even with an empty value.
func (p Params) Has(name string) bool { return p.index(name) >= 0 }

// Repeated says whether a parameter occurs more than once.
func (p Params) Repeated(name string) bool {
	i := p.index(name)
	return i >= 0 && p.pairs[i].repeated
}

// AnyRepeated returns the first repeated name, or "".
func (p Params) AnyRepeated() string { return p.repeated }
