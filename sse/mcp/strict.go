package mcp

import "unicode/utf8"

// strict goes through JSON text once and takes only what checkJSON surely
// accepts: what clients send. The rest, escaped names say, is for the library,
// which also finds the words for a fault. No byte is skipped unjudged.
type strict struct {
	text []byte
	at   int
}

const (
	// quickDepth and quickNames bound what strict keeps: nesting, and the members
	// of an object, of which each name is compared with those before.
	quickDepth = 16
	quickNames = 12
)

// surelyValid reports whether body is one JSON value without a doubt.
func surelyValid(body []byte) bool {
	s := strict{text: body}
	s.space()
	if !s.value(quickDepth) {
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
		return s.object(depth - 1)
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

// object takes an object whose names are plain and all different.
func (s *strict) object(depth int) bool {
	var names [quickNames][2]int32
	s.take('{')
	for n := 0; !s.take('}'); n++ {
		if n > 0 && !s.take(',') || n == quickNames || s.at == len(s.text) || s.text[s.at] != '"' {
			return false
		}
		start := s.at
		if escaped, ok := s.quoted(); escaped || !ok {
			return false
		}
		name := s.text[start:s.at]
		for _, other := range names[:n] {
			if string(s.text[other[0]:other[1]]) == string(name) {
				return false
			}
		}
		names[n] = [2]int32{int32(start), int32(s.at)} //nolint:gosec // a body has at most 4 MiB
		if !s.take(':') || !s.value(depth) {
			return false
		}
	}
	return true
}

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
	start, ascii := s.at, true
	for s.at++; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			return escaped, ascii || utf8.Valid(s.text[start:s.at])
		case c == '\\':
			escaped = true
			if s.at++; s.at == len(s.text) || !simpleEscape(s.text[s.at]) {
				return true, false // \u may be half of a character
			}
		case c < ' ':
			return escaped, false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return escaped, false
}

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
