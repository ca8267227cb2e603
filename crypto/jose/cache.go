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
// by a kid that a stranger made up, which would turn out those in use. Readers
// take no lock: they see a map that is never written again.
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

// suspects keeps signets that headers named and no token has opened with yet, so
// that a stranger's forgeries make us derive a key once and not each time. Of
// most kinds a header can name three days, all of which have room; only those of
// a registration, which may be of any day, can turn out others. It is used after
// the cache of the openings, whose tokens never wait for its lock.
type suspects struct {
	mu      sync.Mutex
	signets map[letterhead]*signet
}

func (c *suspects) get(k letterhead) (*signet, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.signets[k]
	return s, ok
}

// put keeps a signet. A full house is emptied, which costs less for each than
// finding the one to drop.
func (c *suspects) put(k letterhead, s *signet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.signets == nil || len(c.signets) >= cacheSize {
		c.signets = make(map[letterhead]*signet)
	}
	c.signets[k] = s
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

// openingSignet returns the signet that a header names, and whether a token has
// opened with it before. The header is untrusted, so a new signet is kept by the
// caller, once the token has opened.
func (r *Ring) openingSignet(p Profile, header string, today int) (s *signet, proven bool, err error) {
	name := letterhead{p.style(), header}
	if s, proven = r.opening.get(name); !proven {
		if s, err = r.suspect(p, name, today); err != nil {
			return nil, false, err
		}
	}
	if !p.mayOpen(s.day, today) {
		return nil, false, ErrUnknownKey
	}
	return s, proven, nil
}

// suspect returns the signet of a header that nothing has opened with yet.
func (r *Ring) suspect(p Profile, name letterhead, today int) (*signet, error) {
	if s, ok := r.suspects.get(name); ok {
		return s, nil
	}
	kid, ok := readHeader(p, name.header)
	if !ok {
		return nil, ErrMalformed
	}
	id, day, ok := parseKid(kid)
	m, known := r.member(id)
	if !ok || !known || !p.mayOpen(day, today) {
		return nil, ErrUnknownKey
	}
	s := newSignet(r, p, m, day)
	r.suspects.put(p.letterhead(s), s)
	return s, nil
}

// keep keeps a signet whose token opened.
func (r *Ring) keep(p Profile, s *signet) { r.opening.put(p.letterhead(s), s) }

// letterhead is the signet's name in its own text: a piece of the token would
// hold all of it in memory.
func (p Profile) letterhead(s *signet) letterhead { return letterhead{p.style(), string(s.outer)} }
