package artifact

import (
	"encoding/base64"
	"sync"

	"github.com/go-json-experiment/json"
)

// wire writes an artifact as a JSON object, or reads one. Each artifact lists
// its members once, in the method of that name, and the one list does both: they
// cannot drift apart.
//
// What is written is byte for byte what the JSON library makes of the struct
// tags. What is read is only that form: the members in their order, no white
// space, no escapes. Whatever else may be an artifact, one of a later version
// for instance, is left to the library.
type wire struct {
	reading bool
	buf     []byte // written so far, or all there is to read
	err     error  // why it cannot be written

	source string // buf once more: what is read are pieces of it
	at     int    // how much of buf has been read
	other  bool   // what is read is not in our form
}

var wires = sync.Pool{New: func() any { return new(wire) }}

// largestWire is what a wire may keep for the next artifact, in bytes.
const largestWire = 32 << 10

// release ends the use of a wire and of all bytes in it.
func (w *wire) release() {
	if cap(w.buf) <= largestWire {
		*w = wire{buf: w.buf[:0]}
		wires.Put(w)
	}
}

// encode writes an artifact into w.buf. It fails for a text that is not UTF-8,
// which would not come back as it was.
func encode[T letter[T]](w *wire, a T) error {
	a.members(w)
	w.buf = append(w.buf, '}')
	return w.err
}

// decode reads an artifact out of w.buf.
func decode[T letter[T]](w *wire) (T, error) {
	if a, ok := decodeOwn[T](w); ok {
		return a, nil
	}
	return decodeAny[T](w.buf)
}

// decodeOwn reads what encode writes, and beside that only members that are there
// without need: an empty text or a zero.
func decodeOwn[T letter[T]](w *wire) (a T, ok bool) {
	w.reading, w.source = true, string(w.buf)
	a = a.members(w)
	return a, w.expect("}") && w.at == len(w.buf) && !w.other
}

// decodeAny reads what the JSON library takes: exact names, none of them twice,
// valid UTF-8, unknown members skipped.
func decodeAny[T letter[T]](payload []byte) (a T, err error) {
	err = json.Unmarshal(payload, &a)
	return a, err
}

// text is a member that is always there.
func (w *wire) text(name string, p *string) {
	if !w.reading {
		w.writeName(name)
		w.writeText(*p)
	} else if w.readName(name) {
		*p = w.readText()
	}
}

// optional is a text that is left out when it is empty.
func (w *wire) optional(name string, p *string) {
	switch {
	case !w.reading && *p != "":
		w.writeName(name)
		w.writeText(*p)
	case w.reading && w.skipName(name):
		*p = w.readText()
	}
}

// optionalBytes is a member that is left out when it is empty: base64 with
// padding, as the library writes bytes.
func (w *wire) optionalBytes(name string, p *[]byte) {
	switch {
	case !w.reading && len(*p) > 0:
		w.writeName(name)
		w.buf = append(base64.StdEncoding.AppendEncode(append(w.buf, '"'), *p), '"')
	case w.reading && w.skipName(name):
		decoded, err := base64.StdEncoding.Strict().DecodeString(w.readText())
		w.other = w.other || err != nil
		*p = decoded
	}
}

// digest is a text of type Digest.
func (w *wire) digest(name string, p *Digest) { w.text(name, (*string)(p)) }

// id is a random id. A fresh one is written, whatever p says: a room that passes
// a redeemed artifact on does not mint its id again.
func (w *wire) id(name string, p *string) {
	if !w.reading {
		w.writeName(name)
		w.buf = append(appendRandom(append(w.buf, '"'), idSize), '"')
	} else if w.readName(name) {
		*p = w.readText()
	}
}

// texts is a list of texts.
func (w *wire) texts(name string, p *[]string) {
	if !w.reading {
		w.writeName(name)
		w.writeTexts(*p)
	} else if w.readName(name) {
		*p = w.readTexts()
	}
}

// number is an integer that is always there.
func (w *wire) number(name string, p *int64) {
	if !w.reading {
		w.writeName(name)
		w.writeNumber(*p)
	} else if w.readName(name) {
		*p = w.readNumber()
	}
}

// count is a number of type int.
func (w *wire) count(name string, p *int) {
	n := int64(*p)
	w.number(name, &n)
	*p = int(n)
	w.other = w.other || int64(*p) != n
}

// optionalNumber is a number that is left out when it is zero.
func (w *wire) optionalNumber(name string, p *int64) {
	switch {
	case !w.reading && *p != 0:
		w.writeName(name)
		w.writeNumber(*p)
	case w.reading && w.skipName(name):
		*p = w.readNumber()
	}
}

// flag is true, or left out.
func (w *wire) flag(name string, p *bool) {
	switch {
	case !w.reading && *p:
		w.writeName(name)
		w.buf = append(w.buf, "true"...)
	case w.reading && w.skipName(name):
		*p = w.expect("true")
	}
}
