package bearer

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultCacheSize is how many tokens are remembered unless told otherwise:
// about 20 MiB when full.
const DefaultCacheSize = 16384

// shards spread the locks; a power of two.
const shards = 64

// seed makes the hash of a token unguessable, so nobody can aim at a slot.
var seed = maphash.MakeSeed()

// cache remembers verified tokens. Only successes enter it, and a hit compares
// the whole token: two tokens with the same hash share a slot and never a
// principal. The zero value is ready to use.
type cache struct {
	generation atomic.Uint64 // counts flushes
	shards     [shards]shard
}

type shard struct {
	mu      sync.RWMutex
	entries map[uint64]*entry // never written again once they are here
}

type entry struct {
	token     string
	principal Principal
}

// get looks a token up. The expiry is checked on every hit: a cache must not
// prolong a token.
func (c *cache) get(token []byte, now time.Time) (Principal, bool) {
	key := maphash.Bytes(seed, token)
	s := &c.shards[key%shards]
	s.mu.RLock()
	e, ok := s.entries[key]
	s.mu.RUnlock()
	// Not in constant time: whoever could measure the difference would first
	// have to find a token with the same 64-bit hash under a secret seed.
	if !ok || e.token != string(token) || !now.Before(e.principal.Expires) {
		return Principal{}, false
	}
	return e.principal, true
}

// put stores a verified token, unless the cache was flushed since the given
// generation. size bounds the whole cache.
func (c *cache) put(token string, p Principal, generation uint64, size int) {
	if size == 0 {
		size = DefaultCacheSize
	}
	limit := (size + shards - 1) / shards
	if limit <= 0 {
		return
	}
	key := maphash.String(seed, token)
	s := &c.shards[key%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.generation.Load() != generation {
		return
	}
	if s.entries == nil {
		s.entries = make(map[uint64]*entry)
	}
	if _, replaces := s.entries[key]; !replaces && len(s.entries) >= limit {
		for victim := range s.entries { // map order is random enough, and needs no bookkeeping on a hit
			delete(s.entries, victim)
			break
		}
	}
	s.entries[key] = &entry{token, p}
}

// flush forgets everything. The generation moves first, so a put that read the
// old one either stores before its shard is emptied or not at all.
func (c *cache) flush() {
	c.generation.Add(1)
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		s.entries = nil
		s.mu.Unlock()
	}
}
