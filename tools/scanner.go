package tools

import (
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// scanner goes through JSON text, strictly, and knows scalars only. What it does
// not know it does not take.
type scanner struct {
	text jsontext.Value
	at   int
}

// atEnd reports whether nothing but white space follows.
func (s *scanner) atEnd() bool { return s.peek() == 0 && s.at == len(s.text) }

// peek skips white space and returns what follows it; 0 at the end.
func (s *scanner) peek() byte {
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.at++
	return true
}

// quoted takes a string as it is written, and says whether it is plain: without
// escapes, controls and anything but ASCII, so that it means what it says. It
// is nil if there is no string.
func (s *scanner) quoted() (text []byte, isPlain bool) {
	if s.peek() != '"' {
		return nil, false
	}
	isPlain = true
	for i := s.at + 1; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '"':
			text = s.text[s.at : i+1]
			s.at = i + 1
			return text, isPlain
		case c == '\\':
			isPlain = false
			i++
		case c < ' ' || c >= utf8.RuneSelf:
			isPlain = false
		}
	}
	return nil, false
}

// string takes a string and returns what it means.
func (s *scanner) string() (string, bool) {
	text, isPlain := s.quoted()
	switch {
	case text == nil:
		return "", false
	case isPlain:
		return string(text[1 : len(text)-1]), true
	}
	meaning, err := jsontext.AppendUnquote(nil, text)
	return string(meaning), err == nil
}

func (s *scanner) bool() (yes, ok bool) {
	s.peek()
	for _, word := range []string{"true", "false"} {
		if rest := s.text[s.at:]; len(rest) >= len(word) && string(rest[:len(word)]) == word {
			s.at += len(word)
			return word == "true", true
		}
	}
	return false, false
}

// AppendQuote is jsontext.AppendQuote, without asking it for text that stands for
// itself, which most is.
func AppendQuote(dst []byte, text string) ([]byte, error) {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return jsontext.AppendQuote(dst, text)
		}
	}
	return append(append(append(dst, '"'), text...), '"'), nil
}

// maxNumber bounds a number's length: float64 has 17 digits that matter.
const maxNumber = 32

// number takes a number without an exponent, and without a point unless that is
// allowed; nil if there is none, or one that is longer than maxNumber.
func (s *scanner) number(point bool) []byte {
	s.peek()
	start := s.at
	if s.at < len(s.text) && s.text[s.at] == '-' {
		s.at++
	}
	whole := s.digits()
	fraction := true
	if point && s.at < len(s.text) && s.text[s.at] == '.' {
		s.at++
		fraction = s.digits() != nil
	}
	if len(whole) == 0 || len(whole) > 1 && whole[0] == '0' || !fraction || s.at-start > maxNumber {
		return nil
	}
	return s.text[start:s.at]
}

// digits takes as many as there are; nil if there is none.
func (s *scanner) digits() []byte {
	start := s.at
	for s.at < len(s.text) && '0' <= s.text[s.at] && s.text[s.at] <= '9' {
		s.at++
	}
	if s.at == start {
		return nil
	}
	return s.text[start:s.at]
}
