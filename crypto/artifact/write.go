package artifact

import (
	"encoding/binary"
	"math/bits"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// The writing half of a wire.

// writeName writes what stands before a value. The brace of the object is the
// comma of its first member.
func (w *wire) writeName(name string) {
	separator := byte(',')
	if len(w.buf) == 0 {
		separator = '{'
	}
	b := append(w.buf, separator, '"')
	b = append(b, name...)
	w.buf = append(b, '"', ':')
}

// writeText writes a string. Escaping is the library's business.
func (w *wire) writeText(s string) {
	if plainLen([]byte(s)) == len(s) {
		b := append(w.buf, '"')
		b = append(b, s...)
		w.buf = append(b, '"')
		return
	}
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

// plainLen counts the bytes at the front of b that stand for themselves in a
// JSON string (RFC 8259 §7): ASCII but the control characters, the quote and the
// backslash.
func plainLen(b []byte) int {
	n := 0
	for ; len(b)-n >= 8; n += 8 {
		if other := others(binary.LittleEndian.Uint64(b[n:])); other != 0 {
			return n + bits.TrailingZeros64(other)/8
		}
	}
	for n < len(b) && others(uint64(b[n])|all(' ')<<8) == 0 {
		n++
	}
	return n
}

// all is eight times the same byte.
func all(c byte) uint64 { return uint64(c) * 0x0101010101010101 }

// others marks the bytes of x that are not plain by their highest bits. Only the
// lowest mark counts: above it a subtraction may have borrowed.
func others(x uint64) uint64 {
	control := x - all(0x20)           // below 0x20
	quote := (x ^ all('"')) - all(1)   // zero where x has a quote
	escape := (x ^ all('\\')) - all(1) // zero where x has a backslash
	return (x | (control|quote|escape)&^x) & all(0x80)
}
