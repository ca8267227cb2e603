package replay_test

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"mcp-oauth-server/crypto/replay"
)

// codeID is an id as codes have: 96 bits, of which a test wants different ones.
func codeID(n uint64) string {
	var b [12]byte
	binary.LittleEndian.PutUint64(b[:], n*0x9e3779b97f4a7c15) // spread over all bits, as random ones are
	binary.LittleEndian.PutUint32(b[8:], uint32(n))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// FuzzMemory holds a guard to a map that forgets nothing too early: whatever is
// spent, in whatever order and with whatever ends, an id whose end lies ahead is
// spent, and one that was never spent is not.
func FuzzMemory(f *testing.F) {
	f.Add([]byte{1, 0, 2, 0, 1, 0, 0xff, 60, 1, 0})
	f.Add([]byte("ABABABABABABABABAB\xff\x01CDCDCDCDCDCD\xff\x7fABCD"))
	f.Fuzz(func(t *testing.T, steps []byte) {
		c := newClock()
		g := guard(c)
		ends := map[string]time.Time{}
		for ; len(steps) >= 2; steps = steps[2:] {
			if steps[0] == 0xff {
				c.add(time.Duration(steps[1]) * time.Second)
				continue
			}
			for i := range uint64(steps[1]%8) + 1 { // some at once, so that tables fill
				id := codeID(uint64(steps[0])<<8 + i)
				until := c.Now().Add(time.Duration(steps[1])*time.Second + time.Duration(steps[0])*time.Millisecond)
				err := spend(g, id, until)
				end, known := ends[id]
				switch {
				case known && end.After(c.Now()) && !errors.Is(err, replay.ErrSpent):
					t.Fatalf("%s is spent until %v, now is %v: %v", id, end, c.Now(), err)
				case !known && err != nil:
					t.Fatalf("%s was never spent: %v", id, err)
				case err == nil:
					ends[id] = until
				}
			}
		}
	})
}

// Texts that read alike are different ids, however short the way of one is.
func TestIDsThatReadAlike(t *testing.T) {
	g := guard(newClock())
	for _, id := range []string{
		"AAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAA\n", "AAAAAAAAAAAAAAAA\n",
		"\r\nAAAAAAAAAAAAAA", "AAAA\nAAAAAAAAAAA", "AAAAAAAA+AAAAAAA", "AAAAAAAA-AAAAAAA", "AAAAAAAA/AAAAAAA", "AAAAAAAA_AAAAAAA",
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "", "\x00",
	} {
		if err := spend(g, id, noon.Add(time.Minute)); err != nil {
			t.Errorf("%q is taken for another: %v", id, err)
		}
	}
}

// A full guard refuses, and neither forgets nor takes a spent id for a new one.
// When some have ended there is room again.
func TestAFullGuardRefuses(t *testing.T) {
	c := newClock()
	g := &replay.Memory{Now: c.Now, Max: 6400}
	var spent []string
	refused := 0
	for n := uint64(0); refused < 1000; n++ {
		switch err := spend(g, codeID(n), c.in(60)); {
		case err == nil:
			spent = append(spent, codeID(n))
		case errors.Is(err, replay.ErrUnavailable):
			refused++
		default:
			t.Fatal(err)
		}
	}
	if held := g.Len(); held != len(spent) || held > 6400 || held < 5000 {
		t.Errorf("%d ids are held, %d were spent, at most 6400 may be", held, len(spent))
	}
	c.add(59 * time.Second)
	for _, id := range spent {
		if err := spend(g, id, c.in(60)); !errors.Is(err, replay.ErrSpent) {
			t.Fatalf("%s was forgotten: %v", id, err)
		}
	}
	c.add(time.Second)
	for n := range uint64(1000) {
		if err := spend(g, codeID(1<<32+n), c.in(60)); err != nil {
			t.Fatalf("after all have ended: %v", err)
		}
	}
}

// Ids take at most 32 bytes each while a guard is under load, whatever the load.
func TestBytesPerID(t *testing.T) {
	for _, perSecond := range []int{50, 300, 2000, 5000} {
		c := newClock()
		g := guard(c)
		n := uint64(0)
		for second := range 150 {
			for range perSecond {
				if err := spend(g, codeID(n), c.in(60)); err != nil {
					t.Fatal(err)
				}
				n++
			}
			alive := 60 * perSecond
			if bytes := g.Bytes(); second >= 60 && bytes > 32*alive {
				t.Fatalf("%d a second: %d bytes for %d living ids", perSecond, bytes, alive)
			}
			c.add(time.Second)
		}
	}
}

// BenchmarkSpendUnderLoad spends ids while 60,000 and 600,000 are alive.
func BenchmarkSpendUnderLoad(b *testing.B) {
	for _, alive := range []uint64{60_000, 600_000} {
		b.Run(fmt.Sprint(alive), func(b *testing.B) {
			c := newClock()
			g := guard(c)
			var n atomic.Uint64
			one := func() {
				i := n.Add(1)
				if i%(alive/60) == 0 {
					c.add(time.Second)
				}
				if err := spend(g, codeID(i), c.in(60)); err != nil {
					b.Fatal(err)
				}
			}
			for range 2 * alive {
				one()
			}
			b.ReportAllocs()
			for b.Loop() {
				one()
			}
		})
	}
}
