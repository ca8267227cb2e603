package bearer

import (
	"fmt"
	"hash/maphash"
	"testing"
	"time"
)

func count(c *cache) (n int) {
	for i := range c.shards {
		n += len(c.shards[i].entries)
	}
	return n
}

func TestCacheIsBounded(t *testing.T) {
	var c cache
	p := Principal{Expires: time.Unix(2, 0)}
	for i := range 10_000 {
		c.put(fmt.Sprint(i), p, 0, 640)
	}
	if n := count(&c); n != 640 {
		t.Errorf("%d entries", n)
	}
	if _, ok := c.get([]byte("9999"), time.Unix(1, 0)); !ok {
		t.Error("the newest is gone")
	}
	c.put("x", p, 0, -1)
	if _, ok := c.get([]byte("x"), time.Unix(1, 0)); ok {
		t.Error("stored although there is no cache")
	}
}

// Two tokens with one hash: the slot goes to the later one, and neither ever
// gets the other's principal.
func TestCollidingTokens(t *testing.T) {
	var c cache
	key := maphash.String(seed, "mine")
	s := &c.shards[key%shards]
	s.entries = map[uint64]*entry{key: {"another's", Principal{Subject: "another", Expires: time.Unix(2, 0)}}}
	if p, ok := c.get([]byte("mine"), time.Unix(1, 0)); ok {
		t.Errorf("got %+v", p)
	}
}

// A token that was opened with the old keys while the cache was flushed must
// not come back into it.
func TestPutAfterFlush(t *testing.T) {
	var c cache
	before := c.generation.Load()
	c.flush()
	c.put("token", Principal{Expires: time.Unix(2, 0)}, before, 64)
	if n := count(&c); n != 0 {
		t.Errorf("%d entries", n)
	}
}
