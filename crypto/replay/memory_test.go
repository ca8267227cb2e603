package replay_test

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"mcp-oauth-server/crypto/replay"
)

// codeID is an id as codes have: 96 bits that look random, and different ones for
// each n (the finalizer of SplitMix64 has an inverse).
func codeID(n uint64) string {
	n *= 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	var b [12]byte
	binary.LittleEndian.PutUint64(b[:], n^n>>31)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// FuzzMemory holds a guard to a map that forgets nothing: whatever is spent, in
// whatever order and with whatever ends, and wherever the clock is set, no id is
// spent twice. While the clock has not been set back, an id whose end lies ahead
// is known to be spent, and one that was never spent is good.
func FuzzMemory(f *testing.F) {
	f.Add([]byte{1, 0, 2, 0, 1, 0, 0xff, 60, 1, 0})
	f.Add([]byte("ABABABABABABABABAB\xff\x01CDCDCDCDCDCD\xff\x7fABCD"))
	f.Add([]byte("A\x05\xff\x0aB\x05\xfe\x0cA\x05B\x05C\x05\xff\x20A\x05B\x05"))
	f.Fuzz(func(t *testing.T, steps []byte) {
		c := newClock()
		g := guard(c)
		ends := map[string]time.Time{}
		latest := c.Now()
		for ; len(steps) >= 2; steps = steps[2:] {
			switch steps[0] {
			case 0xff:
				c.add(time.Duration(steps[1]) * time.Second)
				continue
			case 0xfe:
				c.add(-time.Duration(steps[1]) * time.Second)
				continue
			}
			if c.Now().After(latest) {
				latest = c.Now()
			}
			for i := range uint64(steps[1]%8) + 1 { // some at once, so that sets fill
				id := codeID(uint64(steps[0])<<8 + i)
				end, known := ends[id]
				if !known {
					end = c.Now().Add(time.Duration(steps[1])*time.Second + time.Duration(steps[0])*time.Millisecond)
				}
				err := spend(g, id, end)
				switch {
				case known && err == nil:
					t.Fatalf("%s is spent twice, until %v, now is %v", id, end, c.Now())
				case known && end.After(latest) && !errors.Is(err, replay.ErrSpent):
					t.Fatalf("%s is spent until %v, now is %v: %v", id, end, c.Now(), err)
				case !known && err != nil && (!errors.Is(err, replay.ErrUnavailable) || end.After(latest)):
					t.Fatalf("%s was never spent: %v", id, err)
				case err == nil:
					ends[id] = end
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
	if held := g.Len(); held != 6400 || len(spent) != 6400 {
		t.Errorf("%d ids are held, %d were spent, 6400 may be", held, len(spent))
	}
	c.add(59 * time.Second)
	end := c.in(1)
	for _, id := range spent {
		if err := spend(g, id, end); !errors.Is(err, replay.ErrSpent) {
			t.Fatalf("%s was forgotten: %v", id, err)
		}
	}
	c.add(2 * time.Second)
	for n := range uint64(1000) {
		if err := spend(g, codeID(1<<32+n), c.in(60)); err != nil {
			t.Fatalf("after all have ended: %v", err)
		}
	}
}

// A code may end while it is on its way to the guard. In the second of its end,
// rounded up, it is spent once all the same, and never after it.
func TestTheLastMoment(t *testing.T) {
	c := newClock()
	g := guard(c)
	end := c.in(60).Add(time.Millisecond)
	try := func(id string, until time.Time, want error) {
		t.Helper()
		if err := spend(g, id, until); !errors.Is(err, want) {
			t.Errorf("%s, until %v at %v: %v, want %v", id, until, c.Now(), err, want)
		}
	}
	try("early", end, nil)
	try("earlier", c.in(60), nil)
	c.add(61 * time.Second)
	try("drops the earlier one", c.in(60), nil)
	try("early", end, replay.ErrSpent)
	try("late", end, nil)
	try("late", end, replay.ErrSpent)
	c.add(time.Second)
	try("drops both", c.in(60), nil)
	try("early", end, replay.ErrUnavailable)
	try("late", end, replay.ErrUnavailable)
	try("later", end, replay.ErrUnavailable)
}

// Ends that no code has break nothing: others are spent once beside them, and
// only the guard's bound limits how many there are.
func TestAbsurdEnds(t *testing.T) {
	c := newClock()
	g := &replay.Memory{Now: c.Now, Max: 1000}
	for _, end := range []time.Time{{}, time.Unix(0, 0), time.Unix(math.MinInt64, 0), noon.Add(-time.Hour)} {
		if err := spend(g, end.String(), end); !errors.Is(err, replay.ErrUnavailable) {
			t.Errorf("%v: %v", end, err)
		}
	}
	for n := range 1000 { // up to the year 292,277,026,596
		id, end := fmt.Sprint(n), noon.AddDate(n, 0, 0)
		if n == 999 {
			end = time.Unix(math.MaxInt64, 0)
		}
		if err := spend(g, id, end); err != nil {
			t.Fatalf("%v: %v", end, err)
		}
		if err := spend(g, id, end); !errors.Is(err, replay.ErrSpent) {
			t.Fatalf("%v: %v", end, err)
		}
	}
	if err := spend(g, "more", c.in(60)); !errors.Is(err, replay.ErrUnavailable) {
		t.Errorf("over the bound: %v", err)
	}
	c.add(2 * time.Second) // the first of them ends
	if err := spend(g, "more", c.in(60)); err != nil {
		t.Errorf("when there is room again: %v", err)
	}
}

// Whatever the clock reads, a code that was spent is not spent again, and new
// codes are good as soon as they end later than all that was dropped.
func TestAClockThatIsSetBack(t *testing.T) {
	c := newClock()
	g := guard(c)
	for second := range 60 {
		if err := spend(g, fmt.Sprint(second), noon.Add(time.Duration(second+1)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	c.add(time.Hour) // for a moment
	if err := spend(g, "ahead", c.in(60)); err != nil {
		t.Fatal(err)
	}
	c.add(-time.Hour)
	for second := range 60 {
		err := spend(g, fmt.Sprint(second), noon.Add(time.Duration(second+1)*time.Second))
		if !errors.Is(err, replay.ErrUnavailable) {
			t.Errorf("a code that was dropped: %v", err)
		}
	}
	c.add(time.Second)
	if err := spend(g, "new", c.in(60)); err != nil {
		t.Errorf("a new code: %v", err)
	}
	if err := spend(g, "ahead", noon.Add(time.Hour+time.Minute)); !errors.Is(err, replay.ErrSpent) {
		t.Errorf("a code of the hour ahead: %v", err)
	}
}

// load is logins of real users: about as many each second, never the same number.
type load struct {
	*replay.Memory
	clock     *clock
	random    *rand.Rand
	perSecond float64
	skew      int // seconds by which every other code ends later: another replica's
	spent     uint64
	alive     int
	seconds   []int // how many ids each had
}

func newLoad(perSecond float64) *load {
	c := newClock()
	return &load{Memory: guard(c), clock: c, random: rand.New(rand.NewPCG(1, 2)), perSecond: perSecond}
}

// second spends the ids of one second, and calls check after each. How many are
// alive it knows only without skew.
func (l *load) second(t *testing.T, ids func(n uint64) string, check func()) {
	count := max(0, int(l.perSecond+l.random.NormFloat64()*math.Sqrt(l.perSecond)))
	for i := range count {
		if err := spend(l, ids(l.spent), l.clock.in(60+i%2*l.skew)); err != nil {
			t.Fatal(err)
		}
		l.spent++
		l.alive++
		check()
	}
	l.clock.add(time.Second)
	if l.seconds = append(l.seconds, count); len(l.seconds) > 59 {
		l.alive -= l.seconds[len(l.seconds)-60]
	}
}

// Ids take at most 14 bytes each under load, at every moment of it.
func TestBytesPerID(t *testing.T) {
	for perSecond, limit := range map[float64]float64{10: 25, 50: 16, 300: 14, 2000: 12, 5000: 12} {
		t.Run(fmt.Sprint(perSecond), func(t *testing.T) {
			l := newLoad(perSecond)
			most, sum, times := 0.0, 0.0, 0
			for second := range 300 {
				l.second(t, codeID, func() {
					if second < 60 || l.spent%97 != 0 {
						return
					}
					each := float64(l.Bytes()) / float64(l.alive)
					most, sum, times = max(most, each), sum+each, times+1
				})
			}
			t.Logf("%.1f bytes per living id, at most %.1f", sum/float64(times), most)
			if most > limit {
				t.Errorf("%.1f bytes per living id, want at most %v", most, limit)
			}
		})
	}
}

// A server with a login a minute holds next to nothing.
func TestBytesWhenIdle(t *testing.T) {
	l := newLoad(5000)
	for range 70 {
		l.second(t, codeID, func() {})
	}
	l.clock.add(2 * time.Second) // so that there is an array to spare
	l.second(t, codeID, func() {})
	for range 10 {
		l.clock.add(time.Minute)
		if err := spend(l, codeID(l.spent), l.clock.in(60)); err != nil {
			t.Fatal(err)
		}
		l.spent++
		if bytes := l.Bytes(); bytes > 200 {
			t.Fatalf("%d bytes", bytes)
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
		b.Run(fmt.Sprint(alive, "/parallel"), func(b *testing.B) {
			c := newClock()
			g := guard(c)
			var n atomic.Uint64
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := n.Add(1)
					if i%(alive/60) == 0 {
						c.add(time.Second)
					}
					// An error if this one was preempted for a minute of the clock.
					_ = spend(g, codeID(i), c.in(60))
				}
			})
		})
	}
}
