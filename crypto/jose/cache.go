package jose

import (
	"maps"
	"sync"
	"sync/atomic"
)

// cacheSize bounds the signets that are kept: about ten kinds over two days,
// and the days of the registrations that are in use.
const cacheSize = 512

// style is what tells the signets of one secret and day apart.
type style struct {
	kind, typ string
	sign      Algorithm
}

func (p Profile) style() style { return style{p.Kind, p.Type, p.Sign} }

// letterhead names a signet for opening: by the header as it stands on the
// token, so that nothing of a known header is ever decoded or interpreted.
type letterhead struct {
	style
	header string
}

// issue names a signet for minting, which only the first secret does.
type issue struct {
	style
	day int
}

// cache keeps signets. Making one costs a few microseconds, so it is an
// optimisation only; that of the openings is filled by tokens that opened, never
// by a kid that a stranger made up. Readers take no lock: they see a map that is
// never written again.
type cache[K comparable] struct {
	writing sync.Mutex
	signets atomic.Pointer[map[K]*signet]
}

func (c *cache[K]) get(k K) (*signet, bool) {
	signets := c.signets.Load()
	if signets == nil {
		return nil, false
	}
	s, ok := (*signets)[k]
	return s, ok
}

// put keeps a signet that is not there yet and makes room for it by dropping
// any others. It copies the map: of a full one that costs about as much as
// verifying one Ed25519 signature, and happens once for each day that is in use.
func (c *cache[K]) put(k K, s *signet) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if _, known := c.get(k); known {
		return
	}
	next := make(map[K]*signet)
	if signets := c.signets.Load(); signets != nil {
		next = maps.Clone(*signets)
	}
	for old := range next {
		if len(next) < cacheSize {
			break
		}
		delete(next, old)
	}
	next[k] = s
	c.signets.Store(&next)
}

// mintingSignet returns the signet that mints on a day.
func (r *Ring) mintingSignet(p Profile, day int) *signet {
	name := issue{p.style(), day}
	if s, ok := r.minting.get(name); ok {
		return s
	}
	s := newSignet(r, p, r.members[0], day)
	r.minting.put(name, s)
	r.keep(p, s) // what this replica mints comes back to it, and so do forgeries of it
	return s
}

// openingSignet returns the signet that a header names, and whether it is one
// that is kept. The header is untrusted, so a new signet is kept by the caller,
// once the token has opened.
func (r *Ring) openingSignet(p Profile, header string, today int) (s *signet, kept bool, err error) {
	if s, kept = r.opening.get(letterhead{p.style(), header}); kept {
		if !p.mayOpen(s.day, today) {
			return nil, false, ErrUnknownKey
		}
		return s, true, nil
	}
	kid, ok := readHeader(p, header)
	if !ok {
		return nil, false, ErrMalformed
	}
	id, day, ok := parseKid(kid)
	m, known := r.member(id)
	if !ok || !known || !p.mayOpen(day, today) {
		return nil, false, ErrUnknownKey
	}
	return newSignet(r, p, m, day), false, nil
}

// keep keeps a signet whose token opened. The name is the signet's own text: a
// piece of the token would hold all of it in memory.
func (r *Ring) keep(p Profile, s *signet) {
	r.opening.put(letterhead{p.style(), string(s.outer)}, s)
}
