package client

import (
	"hash/maphash"
	"strings"
	"sync/atomic"
)

// cacheSize is how many registrations are remembered, a power of two: those of
// usual size take about 1.5 MB when all are in use, the largest ones 5 MB.
const cacheSize = 1024

// resolution is a client_id that was resolved. It is never written again.
type resolution struct {
	clientID string
	client   Client
}

// cache remembers resolutions, because a client sends the same client_id all
// its life and resolving one costs as much as half a signature. Only successes
// enter it, and a hit compares the whole client_id. Nothing in a resolution
// changes with time: a registration does not expire, and whoever is to be shut
// out is refused behind this cache, not in it. Other keys or other addresses are
// another Resolver, with a cache of its own.
//
// It is a table of places that are read and written whole, so it needs no lock.
type cache struct {
	table [cacheSize]atomic.Pointer[resolution]
	turn  atomic.Uint32
	// seed makes the hash of a client_id unguessable: whoever can register cannot
	// aim at the place of another client.
	seed maphash.Seed
}

func newCache() cache { return cache{seed: maphash.MakeSeed()} }

// places are the two where a client_id may be. With one, two busy clients could
// turn each other out for ever.
func (c *cache) places(clientID string) [2]*atomic.Pointer[resolution] {
	hash := maphash.String(c.seed, clientID)
	return [2]*atomic.Pointer[resolution]{&c.table[hash%cacheSize], &c.table[hash>>32%cacheSize]}
}

func (c *cache) get(clientID string) (Client, bool) {
	for _, place := range c.places(clientID) {
		// Not in constant time: a client_id is public.
		if r := place.Load(); r != nil && r.clientID == clientID {
			return r.client, true
		}
	}
	return Client{}, false
}

// put takes a free place, or else one by turns: if it were always the same, two
// clients that share it would go on turning each other out. Turns come in pairs,
// so that two who alternate do not keep theirs. The client_id is copied, as it
// may be a piece of a whole request.
func (c *cache) put(clientID string, client Client) {
	places := c.places(clientID)
	place := places[c.turn.Add(1)>>1%2]
	for _, p := range places {
		if p.Load() == nil {
			place = p
			break
		}
	}
	place.Store(&resolution{strings.Clone(clientID), client})
}
