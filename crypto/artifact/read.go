package artifact

// The reading half of a wire. Once something is not as it would have been
// written, other is set, and all that is read from then on is thrown away.

// skip goes past a piece of text if it is next.
func (w *wire) skip(piece string) bool {
	rest := w.source[w.at:]
	if len(rest) < len(piece) || rest[:len(piece)] != piece {
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

// skipName goes past what writeName writes, if it is next.
func (w *wire) skipName(name string) bool {
	separator := byte(',')
	if w.at == 0 {
		separator = '{'
	}
	rest, end := w.source[w.at:], len(`,"`)+len(name)
	if len(rest) < end+2 || rest[0] != separator || rest[1] != '"' || rest[2:end] != name || rest[end] != '"' || rest[end+1] != ':' {
		return false
	}
	w.at += end + 2
	return true
}

// readName goes past the name of a member that must be next.
func (w *wire) readName(name string) bool {
	ok := w.skipName(name)
	w.other = w.other || !ok
	return ok
}

// readText reads a string without escapes: one that is plain up to its closing
// quote.
func (w *wire) readText() string {
	w.expect(`"`)
	start := w.at
	w.at += plainLen(w.buf[start:])
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

// mostDigits: every number of so many digits is an int64.
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
