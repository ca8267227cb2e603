package mcp

import "unicode/utf8"

// strict goes through JSON text once and takes only what checkJSON surely
// accepts: what clients send. The rest, escaped names say, is for the library,
// which also finds the words for a fault. No byte is skipped unjudged.
type strict struct {
	text []byte
	at   int
}

// outline is where the parts of a message stand, as strict has seen them.
type outline struct{ message, params contents }

// contents are the members of one object, in their order.
type contents struct {
	n  int
	at [quickNames]struct{ name, value place }
}

const (
	// quickDepth and quickNames bound what strict keeps: nesting, and the members
	// of an object, of which each name is compared with those before.
	quickDepth = 16
	quickNames = 12
)

// surelyValid reports whether body is one JSON value without a doubt. If that is
// an object, its outline is then in o.
func surelyValid(body []byte, o *outline) bool {
	s := strict{text: body}
	s.space()
	if s.at < len(body) && body[s.at] == '{' {
		if !s.object(quickDepth-1, &o.message, &o.params) {
			return false
		}
	} else if !s.value(quickDepth) {
		return false
	}
	s.space()
	return s.at == len(body)
}

func (s *strict) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// take takes one byte, with the space before and after it.
func (s *strict) take(c byte) bool {
	s.space()
	if s.at == len(s.text) || s.text[s.at] != c {
		return false
	}
	s.at++
	s.space()
	return true
}

func (s *strict) value(depth int) bool {
	if s.at == len(s.text) || depth == 0 {
		return false
	}
	switch c := s.text[s.at]; c {
	case '{':
		var unused contents
		return s.object(depth-1, &unused, nil)
	case '[':
		return s.array(depth - 1)
	case '"':
		_, ok := s.quoted()
		return ok
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	default:
		return s.number()
	}
}

// object takes an object whose names are plain and all different. What is in it is
// noted in c, and what is in its member params, if that is an object, in params.
func (s *strict) object(depth int, c, params *contents) bool {
	s.take('{')
	for c.n = 0; !s.take('}'); c.n++ {
		if c.n > 0 && !s.take(',') || c.n == quickNames {
			return false
		}
		name, ok := s.newName(c)
		if !ok || !s.take(':') || s.at == len(s.text) || depth == 0 {
			return false
		}
		start := s.at
		if params != nil && s.text[start] == '{' && string(s.text[name.begin:name.end]) == `"params"` {
			ok = s.object(depth-1, params, nil)
		} else {
			ok = s.value(depth)
		}
		if !ok {
			return false
		}
		c.at[c.n].name, c.at[c.n].value = name, s.since(start)
	}
	return true
}

// newName takes a name without escapes that is not in c.
func (s *strict) newName(c *contents) (place, bool) {
	start := s.at
	if start == len(s.text) || s.text[start] != '"' {
		return place{}, false
	}
	if escaped, ok := s.quoted(); escaped || !ok {
		return place{}, false
	}
	for i := range c.n {
		if other := c.at[i].name; string(s.text[other.begin:other.end]) == string(s.text[start:s.at]) {
			return place{}, false
		}
	}
	return s.since(start), true
}

// since is what was taken since start. A body has at most 4 MiB.
func (s *strict) since(start int) place { return place{uint32(start), uint32(s.at)} }

func (s *strict) array(depth int) bool {
	s.take('[')
	for n := 0; !s.take(']'); n++ {
		if n > 0 && !s.take(',') || !s.value(depth) {
			return false
		}
	}
	return true
}

// quoted takes a string, at whose first quote it is.
func (s *strict) quoted() (escaped, ok bool) {
	text, ascii := s.text[s.at:], true // its own: what s points to would be read anew for each byte
	for at := 1; at < len(text); at++ {
		if plainByte[text[at]] {
			continue
		}
		switch c := text[at]; {
		case c == '"':
			s.at += at + 1
			return escaped, ascii || utf8.Valid(text[:at])
		case c == '\\':
			escaped = true
			if at++; at == len(text) || !simpleEscape(text[at]) {
				return true, false // \u may be half of a character
			}
		case c < ' ':
			return escaped, false
		default:
			ascii = false
		}
	}
	return escaped, false
}

// plainByte are the characters that stand for themselves in a string: what nearly
// all strings consist of.
var plainByte = func() (is [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		is[c] = c != '"' && c != '\\'
	}
	return is
}()

func simpleEscape(c byte) bool {
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	}
	return false
}

func (s *strict) word(word string) bool {
	if len(s.text)-s.at < len(word) || string(s.text[s.at:s.at+len(word)]) != word {
		return false
	}
	s.at += len(word)
	return true
}

// number takes a number without an exponent.
func (s *strict) number() bool {
	if s.text[s.at] == '-' {
		s.at++
	}
	start := s.at
	whole := s.digits()
	if whole == 0 || whole > 1 && s.text[start] == '0' {
		return false
	}
	if s.at < len(s.text) && s.text[s.at] == '.' {
		s.at++
		return s.digits() > 0
	}
	return true
}

// digits takes as many as there are.
func (s *strict) digits() (n int) {
	for ; s.at < len(s.text) && '0' <= s.text[s.at] && s.text[s.at] <= '9'; s.at++ {
		n++
	}
	return n
}
