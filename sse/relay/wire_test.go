package relay

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mcp-oauth-server/crypto/artifact"
)

func sample() letter {
	return letter{
		purpose: delivery, from: newName(), number: 7, sent: 1_700_000_000_000, to: newName(),
		owner: Owner{Subject: "https://idp.example.com|alice", Client: "client"}, kind: KindCancel,
		about: 3, outcome: busy, topic: "tools", body: []byte("body"),
	}
}

// TestLetterIdentity: what is read is what was written, and nothing else reads
// as the same letter.
func TestLetterIdentity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := letter{
			purpose: purpose(rapid.ByteRange(byte(delivery), byte(broadcast)).Draw(t, "purpose")),
			number:  rapid.Uint64Min(1).Draw(t, "number"),
			sent:    rapid.Int64().Draw(t, "sent"),
			owner: Owner{
				Subject: rapid.String().Draw(t, "subject"),
				Client:  artifact.Digest(rapid.String().Draw(t, "client")),
			},
			kind:    Kind(rapid.Byte().Draw(t, "kind")),
			about:   rapid.Uint64().Draw(t, "about"),
			outcome: outcome(rapid.Byte().Draw(t, "outcome")),
			topic:   rapid.String().Draw(t, "topic"),
			body:    rapid.SliceOf(rapid.Byte()).Draw(t, "body"),
		}
		copy(l.from[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "from"))
		copy(l.to[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "to"))
		b, err := appendLetter(nil, l)
		if err != nil || len(b) != l.size() {
			t.Fatalf("%d bytes, %v; size says %d", len(b), err, l.size())
		}
		got, err := parseLetter(b)
		if err != nil || !reflect.DeepEqual(got, l) {
			t.Fatalf("%+v became %+v, %v", l, got, err)
		}
	})
}

func TestLetterBounds(t *testing.T) {
	for name, change := range map[string]func(*letter){
		"body":    func(l *letter) { l.body = make([]byte, MaxBody+1) },
		"subject": func(l *letter) { l.owner.Subject = strings.Repeat("x", 1<<16) },
		"topic":   func(l *letter) { l.topic = strings.Repeat("x", 1<<16) },
	} {
		l := sample()
		change(&l)
		if _, err := appendLetter(nil, l); err != ErrTooLarge {
			t.Errorf("%s: %v", name, err)
		}
	}
	l := sample()
	l.body, l.topic = make([]byte, MaxBody), strings.Repeat("x", 1<<16-1)
	l.owner = Owner{Subject: l.topic, Client: artifact.Digest(l.topic)}
	sealed, err := seal(make([]byte, 32), "c", l)
	if err != nil || len(sealed) > maxSealed {
		t.Fatalf("the largest letter: %d bytes, %v", len(sealed), err)
	}
	if _, err := open([][]byte{make([]byte, 32)}, "c", string(sealed)); err != nil {
		t.Errorf("the largest letter: %v", err)
	}
}

func FuzzLetter(f *testing.F) {
	b, _ := appendLetter(nil, sample())
	f.Add(b)
	f.Add(b[:headSize])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := parseLetter(b)
		if err != nil {
			return
		}
		if again, err := appendLetter(nil, l); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x reads as %+v, which is written as %x (%v)", b, l, again, err)
		}
	})
}

// TestMangle changes every bit and cuts at every place.
func TestMangle(t *testing.T) {
	keys := [][]byte{make([]byte, 32)}
	sealed, err := seal(keys[0], "channel", sample())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(keys, "channel", string(sealed)); err != nil {
		t.Fatal(err)
	}
	refused := func(what string, b []byte) {
		if _, err := open(keys, "channel", string(b)); err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
	for i := range sealed {
		for bit := range 8 {
			changed := bytes.Clone(sealed)
			changed[i] ^= 1 << bit
			refused("a changed bit", changed)
		}
		refused("a beginning", sealed[:i])
		refused("an end", sealed[i+1:])
	}
	refused("an appendix", append(bytes.Clone(sealed), 0))
	if _, err := open(keys, "channel2", string(sealed)); err != errForged {
		t.Error("a letter for another channel is accepted")
	}
	if _, err := open([][]byte{bytes.Repeat([]byte{1}, 32)}, "channel", string(sealed)); err != errForged {
		t.Error("a letter of another key is accepted")
	}
	if _, err := open(nil, "channel", string(sealed)); err != errForged {
		t.Error("a letter is accepted without keys")
	}
}

// TestWindowIsASet compares the window with a set of all numbers, within reach
// of the window; out of reach everything is refused.
func TestWindowIsASet(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var w window
	seen := make(map[uint64]bool)
	last := uint64(0)
	for i := range 500_000 {
		number := last + 1
		switch random.IntN(4) {
		case 0: // late, or again
			number = 1 + last - min(last, random.Uint64N(windowSize+100))
		case 1: // a gap
			number = last + 1 + random.Uint64N(50)
		}
		if i%100_000 == 99_999 { // a gap longer than the window
			number = last + windowSize + random.Uint64N(windowSize)
		}
		want := !seen[number] && number+windowSize > max(last, number)
		if got := w.mark(number); got != want {
			t.Fatalf("step %d: number %d with %d as the last: fresh %v, want %v", i, number, last, got, want)
		}
		seen[number] = true
		last = max(last, number)
	}
}

func TestWindowsForget(t *testing.T) {
	now := time.Unix(1e9, 0)
	var w windows
	from := func(n byte, sent time.Time) letter { return letter{from: name{n}, number: 1, sent: sent.UnixMilli()} }
	check := func(what string, l letter, want bool) {
		t.Helper()
		if got := w.fresh(l, now); got != want {
			t.Errorf("%s: fresh %v", what, got)
		}
	}
	ahead := from(1, now.Add(maxAge)) // as far ahead as a clock may be
	check("first", ahead, true)
	check("again", ahead, false)
	check("another sender", from(2, now), true)
	check("too far ahead", from(3, now.Add(maxAge+time.Millisecond)), false)
	check("too old", from(3, now.Add(-maxAge-time.Millisecond)), false)
	now = now.Add(2 * maxAge)
	check("as old as may be", ahead, false)
	now = now.Add(time.Millisecond)
	check("sweeps", from(4, now), true)
	check("forgotten, but too old", ahead, false)
	if len(w.bySender) != 1 {
		t.Errorf("%d senders are remembered", len(w.bySender))
	}
}
