package jose

import (
	"strconv"
	"sync"
)

// cacheSize bounds the derived keys that are kept: about ten kinds over two
// days, and the days of the registrations that are in use.
const cacheSize = 512

// keys are the derived keys of one kind on one day.
type keys struct {
	content []byte // A256GCM, 32 bytes
	mac     []byte // HS256, 32 bytes
}

type keyName struct {
	member *member
	kind   string
	day    int
}

// cache keeps derived keys. Deriving costs a few microseconds, so it is an
// optimisation only; it is filled by tokens that opened, never by a kid that a
// stranger made up. The keys are behind pointers, which fmt does not follow that
// deep: a ring inside a printed struct shows addresses.
type cache struct {
	mu   sync.RWMutex
	keys map[keyName]*keys
}

func (c *cache) get(n keyName) (keys, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if k, ok := c.keys[n]; ok {
		return *k, true
	}
	return keys{}, false
}

// put keeps keys that are not there yet and makes room for them by dropping
// any others. Keys that are there are the same ones: nothing is written, so
// opening a token of today takes no exclusive lock.
func (c *cache) put(n keyName, k keys) {
	if _, known := c.get(n); known {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys == nil {
		c.keys = make(map[keyName]*keys)
	}
	for old := range c.keys {
		if len(c.keys) < cacheSize {
			break
		}
		delete(c.keys, old)
	}
	c.keys[n] = &k
}

func (r *Ring) keysOf(n keyName) keys {
	if k, ok := r.derived.get(n); ok {
		return k
	}
	use := "/" + n.kind + "/" + strconv.Itoa(n.day)
	return keys{
		content: derive(n.member.secret, "seal"+use, r.issuer, 32),
		mac:     derive(n.member.secret, "mac"+use, r.issuer, 32),
	}
}
