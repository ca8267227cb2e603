package artifact

// The reading half of a wire. Once something is not as it would have been
// written, other is set, and all that is read from then on is thrown away.

// skip goes past a piece of text if it is next.
func (w *wire) skip(piece string) bool {
	if len(w.source)-w.at < len(piece) || w.source[w.at:w.at+len(piece)] != piece {
		return false
	}
	w.at += len(piece)
	return true
}

// expect goes past a piece of text that must be next.
func (w *wire) expect(piece string) bool {
	ok := w.skip(piece)
	w.other = w.other || !ok
	return ok
}

// skipName goes past what stands before the value of a member, if that is next.
func (w *wire) skipName(name string) bool {
	separator := byte(',')
	if w.at == 0 {
		separator = '{'
	}
	start := w.at
	if start < len(w.source) && w.source[start] == separator {
		w.at++
		if w.skip(`"`) && w.skip(name) && w.skip(`":`) {
			return true
		}
	}
	w.at = start
	return false
}

// readName goes past the name of a member that must be next.
func (w *wire) readName(name string) bool {
	ok := w.skipName(name)
	w.other = w.other || !ok
	return ok
}

// has says whether a member is next.
func (w *wire) has(name string) bool {
	start := w.at
	ok := w.skipName(name)
	w.at = start
	return ok
}

// readText reads a string without escapes. One that is not plain up to its
// closing quote is not in our form.
func (w *wire) readText() string {
	w.expect(`"`)
	start := w.at
	for w.at < len(w.source) && plain[w.source[w.at]] {
		w.at++
	}
	text := w.source[start:w.at]
	w.expect(`"`)
	return text
}

// readTexts reads a list of at least one string.
func (w *wire) readTexts() []string {
	w.expect("[")
	list := []string{w.readText()}
	for !w.other && w.skip(",") {
		list = append(list, w.readText())
	}
	w.expect("]")
	return list
}

// mostDigits is how many digits any int64 can have.
const mostDigits = 18

// readNumber reads an integer as strconv.AppendInt writes it.
func (w *wire) readNumber() (n int64) {
	negative := w.skip("-")
	start := w.at
	for w.at < len(w.source) && w.source[w.at]-'0' <= 9 {
		n = n*10 + int64(w.source[w.at]-'0')
		w.at++
	}
	digits := w.at - start
	leading := digits > 1 && w.source[start] == '0' || negative && n == 0
	w.other = w.other || digits == 0 || digits > mostDigits || leading
	if negative {
		return -n
	}
	return n
}
