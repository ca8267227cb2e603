package bearer

import (
	"hash/maphash"
	"sync"
	"time"
)

// DefaultCacheSize is how many tokens are remembered unless told otherwise:
// about 160 MiB if so many are in use at a time. A cache that is too small for its
// users serves none of them: they come in turn, and each finds its token gone.
const DefaultCacheSize = 1 << 17

// shards spread the locks; a power of two.
const shards = 64

// seed makes the hash of a token unguessable, so nobody can aim at a slot.
var seed = maphash.MakeSeed()

// tail is how many characters of a text find its slot: the authentication tag at
// its end (RFC 7516 §7.1), which differs from text to text as chance has it, and
// which nobody chooses who cannot seal.
const tail = 22

// Cache remembers what sealed texts were opened to. Only what was opened enters
// it, and a hit compares the whole text: two with the same hash share a slot and
// never what is in them. The zero value is ready to use.
type Cache[T any] struct{ shards [shards]shard[T] }

type shard[T any] struct {
	mu      sync.RWMutex
	entries map[uint64]slot[T]
	// sweepAt is how many there must be before those that have expired are looked
	// for: twice as many as were left the last time, so that it costs each Put
	// little, and a cache that was full once does not stay so.
	sweepAt int
}

// minSweep is what it does not pay to sweep.
const minSweep = 64

// slot is where an entry is found. The text lies beside the pointer, not behind it:
// with many tokens in use neither is near the processor, and it can fetch both at
// once.
type slot[T any] struct {
	text string
	*entry[T]
}

// entry is never written again once it is in the cache.
type entry[T any] struct {
	value      T
	expires    time.Time
	generation uint64
}

// Get looks a text up. The expiry and the generation of the keys
// ([Checker.Generation]) are checked on every hit: a cache must not prolong
// what it holds. The value is shared: nobody may change what it points to.
func (c *Cache[T]) Get(text []byte, generation uint64, now time.Time) (value T, ok bool) {
	key := maphash.Bytes(seed, text[max(0, len(text)-tail):])
	s := &c.shards[key%shards]
	s.mu.RLock()
	e, ok := s.entries[key]
	s.mu.RUnlock()
	// Not in constant time: whoever could measure the difference would first
	// have to find a text with the same 64-bit hash under a secret seed.
	if !ok || e.text != string(text) || e.generation != generation || !now.Before(e.expires) {
		return value, false
	}
	return e.value, true
}

// Put stores what a text was opened to. The generation must have been read before
// it was opened, and size bounds the whole cache, in entries.
func (c *Cache[T]) Put(text string, value T, expires time.Time, generation uint64, now time.Time, size int) {
	limit := (size + shards - 1) / shards
	if limit <= 0 {
		return
	}
	key := maphash.String(seed, text[max(0, len(text)-tail):])
	s := &c.shards[key%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries == nil {
		s.entries = make(map[uint64]slot[T])
	}
	s.sweep(generation, now)
	if _, replaces := s.entries[key]; !replaces && len(s.entries) >= limit {
		for victim := range s.entries { // map order is random enough, and needs no bookkeeping on a hit
			delete(s.entries, victim)
			break
		}
	}
	s.entries[key] = slot[T]{text, &entry[T]{value, expires, generation}}
}

// sweep forgets what no Get can find any more, if there is enough of it to pay.
// The lock is held.
func (s *shard[T]) sweep(generation uint64, now time.Time) {
	if len(s.entries) < max(s.sweepAt, minSweep) {
		return
	}
	for key, e := range s.entries {
		if e.generation != generation || !now.Before(e.expires) {
			delete(s.entries, key)
		}
	}
	s.sweepAt = 2 * len(s.entries)
}

// clear gives the memory back.
func (c *Cache[T]) clear() {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		s.entries, s.sweepAt = nil, 0
		s.mu.Unlock()
	}
}
