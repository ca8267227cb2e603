//go:build !race

package replay_test

import (
	"errors"
	"runtime"
	"testing"

	"mcp-oauth-server/crypto/replay"
)

// TestRefusalsCostNoAllocation: neither a code that is sent again nor one for
// which there is no room costs a sweep or memory. The race detector counts its
// own.
func TestRefusalsCostNoAllocation(t *testing.T) {
	c := newClock()
	g := &replay.Memory{Now: c.Now, Max: 64}
	var n uint64
	for refused := 0; refused < 2000; n++ {
		if err := spend(g, codeID(n), c.in(60)); errors.Is(err, replay.ErrUnavailable) {
			refused++
		}
	}
	if g.Len() != 64 {
		t.Fatalf("%d of 64 ids are held", g.Len())
	}
	fresh := codeID(n) // in a full set, and in a second that has none
	if a := testing.AllocsPerRun(1000, func() {
		for _, seconds := range []int{60, 61} {
			if err := spend(g, fresh, c.in(seconds)); !errors.Is(err, replay.ErrUnavailable) {
				t.Fatal(err)
			}
		}
	}); a > 0 {
		t.Errorf("no room: %v allocations", a)
	}
	first := codeID(0)
	if a := testing.AllocsPerRun(1000, func() {
		if err := spend(g, first, c.in(60)); !errors.Is(err, replay.ErrSpent) {
			t.Fatal(err)
		}
	}); a > 0 {
		t.Errorf("spent before: %v allocations", a)
	}
}

// TestSteadyLoadMakesNoGarbage: arrays are used again, so the guard keeps the
// collector idle, also when it serves the codes of two replicas whose clocks
// differ. Each second makes a small set, and a few are busier than any before.
func TestSteadyLoadMakesNoGarbage(t *testing.T) {
	for _, c := range []struct {
		perSecond float64
		skew      int
	}{{300, 0}, {5000, 0}, {5000, 3}} {
		l := newLoad(c.perSecond)
		l.skew = c.skew
		each := garbage(t, l)
		t.Logf("%+v: %.2f bytes allocated for each id", c, each)
		if each > 2 {
			t.Errorf("%+v: %.2f bytes allocated for each id, want at most 2", c, each)
		}
	}
}

// garbage says how many bytes are allocated for each id, once the load is steady.
func garbage(t *testing.T, l *load) float64 {
	for range 70 {
		l.second(t, codeID, func() {})
	}
	start := l.spent
	ids := make([]string, int(60*l.perSecond)) // not the guard's
	for i := range ids {
		ids[i] = codeID(start + uint64(i))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 50 {
		l.second(t, func(n uint64) string { return ids[n-start] }, func() {})
	}
	runtime.ReadMemStats(&after)
	return float64(after.TotalAlloc-before.TotalAlloc) / float64(l.spent-start)
}
