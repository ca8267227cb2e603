package replay_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mcp-oauth-server/crypto/replay"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// clock is a clock that a test sets, also while others read it.
type clock struct{ unix atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.unix.Store(noon.Unix())
	return c
}

func (c *clock) Now() time.Time      { return time.Unix(c.unix.Load(), 0) }
func (c *clock) add(d time.Duration) { c.unix.Add(int64(d / time.Second)) }
func (c *clock) in(s int) time.Time  { return c.Now().Add(time.Duration(s) * time.Second) }
func guard(c *clock) *replay.Memory  { return &replay.Memory{Now: c.Now} }
func spend(g replay.Guard, id string, until time.Time) error {
	return g.Spend(context.Background(), id, until)
}

var _ replay.Guard = (*replay.Memory)(nil)

func TestAnIDIsSpentOnce(t *testing.T) {
	c := newClock()
	g := guard(c)
	for _, step := range []struct {
		id   string
		want error
	}{
		{"a", nil},
		{"a", replay.ErrSpent},
		{"b", nil},
		{"A", nil}, // another id: ids are compared exactly
		{"a ", nil},
		{"", nil},
		{"", replay.ErrSpent},
		{"a", replay.ErrSpent},
		{"b", replay.ErrSpent},
	} {
		if err := spend(g, step.id, c.in(60)); !errors.Is(err, step.want) || (step.want == nil) != (err == nil) {
			t.Errorf("spending %q: %v, want %v", step.id, err, step.want)
		}
	}
}

// An id stays spent up to its end, whatever else is spent in between, and each
// try in between does not prolong it.
func TestAnIDStaysSpentUntilItsEnd(t *testing.T) {
	c := newClock()
	g := guard(c)
	end := c.in(60)
	if err := spend(g, "code", end); err != nil {
		t.Fatal(err)
	}
	for second := range 60 {
		for i := range 200 { // 12,000 others, which are dropped in between
			if err := spend(g, fmt.Sprint(second, "/", i), c.in(1)); err != nil {
				t.Fatal(err)
			}
		}
		if err := spend(g, "code", end); !errors.Is(err, replay.ErrSpent) {
			t.Fatalf("second %d: %v", second, err)
		}
		c.add(time.Second)
	}
}

// Of fifty that redeem one code at once, one wins.
func TestOneOfManyWins(t *testing.T) {
	c := newClock()
	g := guard(c)
	for round := range 100 {
		id := fmt.Sprint("code", round)
		var won, lost atomic.Int32
		var wg sync.WaitGroup
		start := make(chan struct{})
		for range 50 {
			wg.Go(func() {
				<-start
				switch err := spend(g, id, c.in(60)); {
				case err == nil:
					won.Add(1)
				case errors.Is(err, replay.ErrSpent):
					lost.Add(1)
				}
			})
		}
		close(start)
		wg.Wait()
		if won.Load() != 1 || lost.Load() != 49 {
			t.Fatalf("%s: %d won, %d lost", id, won.Load(), lost.Load())
		}
	}
}

// Sets grow and are dropped while others spend: nothing that is alive gets lost.
func TestNothingAliveIsForgotten(t *testing.T) {
	c := newClock()
	g := guard(c)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				id := fmt.Sprint(worker, "-", i)
				if err := spend(g, id, noon.Add(24*time.Hour)); err != nil {
					t.Errorf("%s: %v", id, err)
					return
				}
				short := spend(g, id+"/short", c.in(60)) // over by now, if others were fast
				if short != nil && !errors.Is(short, replay.ErrUnavailable) {
					t.Errorf("%s: %v", id, short)
					return
				}
				if err := spend(g, fmt.Sprint(worker, "-", i/2), noon.Add(24*time.Hour)); !errors.Is(err, replay.ErrSpent) {
					t.Errorf("%d-%d was forgotten: %v", worker, i/2, err)
					return
				}
				c.add(time.Second)
			}
		})
	}
	wg.Wait()
}

// Memory is that of the codes that are alive, not of all that ever were.
func TestGrowthIsBounded(t *testing.T) {
	c := newClock()
	g := guard(c)
	const perSecond, life = 500, 60
	most := 0
	for second := range 10 * life {
		for i := range perSecond {
			if err := spend(g, fmt.Sprint(second, "/", i), c.in(life)); err != nil {
				t.Fatal(err)
			}
		}
		most = max(most, g.Len())
		c.add(time.Second)
	}
	if most < perSecond*life || most > perSecond*(life+2) {
		t.Errorf("%d ids are held where %d are alive", most, perSecond*life)
	}

	// When the rush is over, the memory goes with the next login.
	c.add(2 * life * time.Second)
	if err := spend(g, "later", c.in(life)); err != nil {
		t.Fatal(err)
	}
	if g.Len() != 1 || g.Bytes() > 200 {
		t.Errorf("%d ids are held after the rush, in %d bytes", g.Len(), g.Bytes())
	}
}

func BenchmarkSpend(b *testing.B) {
	c := newClock()
	g := guard(c)
	ids := make([]string, 1<<16)
	for i := range ids {
		ids[i] = fmt.Sprint("AAAAAAAAAAAA", i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_ = spend(g, ids[i%len(ids)], c.in(60))
	}
}
