package bearer

import (
	"fmt"
	"hash/maphash"
	"testing"
	"time"
)

var early, later = time.Unix(1, 0), time.Unix(2, 0)

func count[T any](c *Cache[T]) (n int) {
	for i := range c.shards {
		n += len(c.shards[i].entries)
	}
	return n
}

func TestCacheIsBounded(t *testing.T) {
	var c Cache[int]
	for i := range 10_000 {
		c.Put(fmt.Sprint(i), i, later, 0, early, 640)
	}
	if n := count(&c); n != 640 {
		t.Errorf("%d entries", n)
	}
	if n, ok := c.Get([]byte("9999"), 0, time.Unix(1, 0)); !ok || n != 9999 {
		t.Error("the newest is gone")
	}
	c.Put("x", 1, later, 0, early, -1)
	if _, ok := c.Get([]byte("x"), 0, time.Unix(1, 0)); ok {
		t.Error("stored although there is no cache")
	}
}

// Two texts with one hash: the slot goes to the later one, and neither ever
// gets what is the other's.
func TestCollidingTexts(t *testing.T) {
	var c Cache[string]
	key := maphash.String(seed, "mine")
	s := &c.shards[key%shards]
	s.entries = map[uint64]slot[string]{key: {"another's", &entry[string]{"another", later, 0}}}
	if p, ok := c.Get([]byte("mine"), 0, time.Unix(1, 0)); ok {
		t.Errorf("got %+v", p)
	}
}

// What was opened with the old keys while they were replaced is never found.
func TestEntriesEndWithTheirKeys(t *testing.T) {
	var c Cache[string]
	c.Put("text", "opened", later, 1, early, 64)
	for generation, want := range map[uint64]bool{0: false, 1: true, 2: false} {
		if _, ok := c.Get([]byte("text"), generation, time.Unix(1, 0)); ok != want {
			t.Errorf("generation %d: found %v", generation, ok)
		}
	}
	if _, ok := c.Get([]byte("text"), 1, later); ok {
		t.Error("found after its end")
	}
	c.clear()
	if n := count(&c); n != 0 {
		t.Errorf("%d entries", n)
	}
}

// A cache that was full of tokens which have expired gives their memory back, and
// nothing that is still good goes for that.
func TestTheExpiredAreForgotten(t *testing.T) {
	var c Cache[int]
	const n, size = 100_000, 1 << 20
	for i := range n {
		c.Put(fmt.Sprint("old ", i), i, later, 0, early, size)
	}
	for i := range n / 100 {
		c.Put(fmt.Sprint("good ", i), i, later.Add(time.Hour), 0, early, size)
	}
	for i := range 2 * n { // one at a time, and each has expired when the next comes
		now := later.Add(time.Duration(i) * time.Millisecond)
		c.Put(fmt.Sprint("new ", i), i, now.Add(time.Millisecond), 0, now, size)
	}
	if got := count(&c); got > n/20 {
		t.Errorf("%d entries, of which %d are good", got, n/100)
	}
	for i := range n / 100 {
		if _, ok := c.Get([]byte(fmt.Sprint("good ", i)), 0, later.Add(time.Minute)); !ok {
			t.Fatalf("good %d is gone", i)
		}
	}
}
