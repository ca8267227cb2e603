package tools

import "github.com/go-json-experiment/json/jsontext"

// Members goes through the members of a JSON object that is known to be valid:
//
//	for m := MembersOf(object); m.Next(); {
//		use(m.Name, m.Value)
//	}
//
// It looks at brackets and quotes only, so it neither judges nor decodes, and
// allocates nothing. Of text that is no JSON it shows nonsense, though never
// anything outside of it; of another value than an object it shows nothing.
type Members struct {
	// Name is the member's name as it is written, in quotes.
	Name jsontext.Value
	// Value is the member's value as it is written.
	Value jsontext.Value

	object jsontext.Value
	at     int // of the brace or the comma before the next member
	value  int // where Value begins
}

// MembersOf returns the members of object, which must stay unchanged. Name and
// Value will be pieces of it.
func MembersOf(object jsontext.Value) Members {
	m := Members{object: object}
	if m.at = m.skipSpace(0); m.at == len(object) || object[m.at] != '{' {
		m.at = len(object)
	}
	return m
}

// Next goes to the next member and reports whether there is one.
func (m *Members) Next() bool {
	if m.at >= len(m.object) {
		return false
	}
	name := m.skipSpace(m.at + 1)
	if name == len(m.object) || m.object[name] != '"' {
		return false
	}
	nameEnd := m.stringEnd(name)
	colon := m.skipSpace(nameEnd)
	value := m.skipSpace(min(colon+1, len(m.object)))
	valueEnd := m.valueEnd(value)
	m.value = value
	m.Name, m.Value = m.object[name:nameEnd:nameEnd], m.object[value:valueEnd:valueEnd]
	if m.at = m.skipSpace(valueEnd); m.at < len(m.object) && m.object[m.at] != ',' {
		m.at = len(m.object)
	}
	return true
}

// ValueAt is where in the object Value begins and ends.
func (m *Members) ValueAt() (begin, end int) { return m.value, m.value + len(m.Value) }

func (m *Members) skipSpace(at int) int {
	for at < len(m.object) {
		switch m.object[at] {
		case ' ', '\t', '\n', '\r':
			at++
		default:
			return at
		}
	}
	return at
}

// stringEnd is where the string that begins at a quote ends.
func (m *Members) stringEnd(at int) int {
	for at++; at < len(m.object); at++ {
		switch m.object[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return len(m.object)
}

// valueEnd is where the value that begins here ends.
func (m *Members) valueEnd(at int) int {
	depth := 0
	for at < len(m.object) {
		switch m.object[at] {
		case '"':
			at = m.stringEnd(at)
			if depth == 0 {
				return at
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return at + 1
			}
		}
		if depth < 0 || depth == 0 && endsLiteral(m.object[at]) {
			return at
		}
		at++
	}
	return len(m.object)
}

// endsLiteral says what follows a number or a word.
func endsLiteral(c byte) bool {
	return c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r'
}
