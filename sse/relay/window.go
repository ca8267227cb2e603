package relay

import "time"

const (
	// windowSize is by how many numbers a letter may be overtaken by others of
	// its sender: they travel over many connections.
	windowSize = 1 << 16
	// maxAge is how old a letter may be, and how far ahead the sender's clock.
	maxAge = 5 * time.Minute
)

// windows see to it that a letter is taken once. Whoever can listen to the
// channels can publish a letter again, and a tool would run twice. The zero
// value is ready; only one goroutine may use it.
type windows struct {
	bySender map[name]*window
}

// window remembers which of a sender's last numbers were seen: 8 KiB.
type window struct {
	last  uint64
	seen  [windowSize / 64]uint64
	heard time.Time // of the last fresh letter
}

// fresh says whether the letter is seen for the first time, and marks it.
func (w *windows) fresh(l letter, now time.Time) bool {
	if age := now.Sub(time.UnixMilli(l.sent)); age > maxAge || age < -maxAge {
		return false
	}
	sender := w.bySender[l.from]
	if sender == nil {
		w.sweep(now)
		sender = &window{}
		w.bySender[l.from] = sender
	}
	if !sender.mark(l.number) {
		return false
	}
	sender.heard = now
	return true
}

// sweep forgets senders that are gone. What they sent is too old by now to be
// taken, as far apart as the clocks may be.
func (w *windows) sweep(now time.Time) {
	if w.bySender == nil {
		w.bySender = make(map[name]*window)
	}
	for from, sender := range w.bySender {
		if now.Sub(sender.heard) > 2*maxAge {
			delete(w.bySender, from)
		}
	}
}

// mark says whether the number is new, and makes it known.
func (w *window) mark(number uint64) bool {
	if number > w.last {
		w.advance(number)
	} else if w.last-number >= windowSize {
		return false
	}
	word, bit := &w.seen[number%windowSize/64], uint64(1)<<(number%64)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	return true
}

// advance makes room for the numbers up to the new last one.
func (w *window) advance(last uint64) {
	if last-w.last >= windowSize {
		clear(w.seen[:])
	} else {
		for n := w.last + 1; n <= last; n++ {
			w.seen[n%windowSize/64] &^= uint64(1) << (n % 64)
		}
	}
	w.last = last
}
