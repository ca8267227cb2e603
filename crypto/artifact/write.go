package artifact

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// The writing half of a wire.

// plain are the bytes that stand for themselves inside a JSON string (RFC 8259
// §7) and are a whole character of UTF-8.
var plain = func() (is [256]bool) {
	for c := ' '; c <= 0x7f; c++ {
		is[c] = c != '"' && c != '\\'
	}
	return is
}()

// writeName writes what stands before a value. The brace of the object is the
// comma of its first member.
func (w *wire) writeName(name string) {
	separator := byte(',')
	if len(w.buf) == 0 {
		separator = '{'
	}
	w.buf = append(w.buf, separator, '"')
	w.buf = append(w.buf, name...)
	w.buf = append(w.buf, '"', ':')
}

// writeText writes a string. Escaping is the library's business.
func (w *wire) writeText(s string) {
	for i := range len(s) {
		if !plain[s[i]] {
			w.quote(s)
			return
		}
	}
	w.buf = append(w.buf, '"')
	w.buf = append(w.buf, s...)
	w.buf = append(w.buf, '"')
}

func (w *wire) quote(s string) {
	quoted, err := jsontext.AppendQuote(w.buf, s)
	if err != nil {
		w.err = err
	}
	w.buf = quoted
}

func (w *wire) writeTexts(list []string) {
	w.buf = append(w.buf, '[')
	for i, s := range list {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.writeText(s)
	}
	w.buf = append(w.buf, ']')
}

func (w *wire) writeNumber(n int64) { w.buf = strconv.AppendInt(w.buf, n, 10) }
