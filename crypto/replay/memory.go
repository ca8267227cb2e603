package replay

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math"
	"sync"
	"time"
)

// DefaultMax is how many ids a Memory holds unless told otherwise, about 100 MB
// of them: codes of a minute at 70,000 logins a second.
const DefaultMax = 1 << 22

// shards spread the locks, and keep the time short for which one is held; a
// power of two.
const shards = 64

// Memory is a Guard for one replica. The zero value needs Now to be set; it is
// safe for concurrent use. It holds 19 to 25 bytes per id for as long as a code
// lives, and only users who logged in can make codes.
type Memory struct {
	Now func() time.Time
	// Max bounds the ids that are held at a time; 0 means DefaultMax. Over it no
	// id is spent and none is forgotten: Spend returns ErrUnavailable.
	Max int

	shards [shards]shard
}

type shard struct {
	mu    sync.Mutex
	spent table
}

// Spend implements Guard. It returns ErrUnavailable only when Max ids are held.
func (m *Memory) Spend(_ context.Context, id string, until time.Time) error {
	k := keyOf(id)
	s := &m.shards[k.hash()%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	place, again := s.spent.find(k)
	switch {
	case again:
		return ErrSpent
	case s.spent.isFull(m.perShard()):
		if !s.spent.sweep(m.Now().Unix(), m.perShard()) {
			return ErrUnavailable
		}
		place, _ = s.spent.find(k) // all have moved
	}
	s.spent.add(place, k, lastSecond(until))
	return nil
}

func (m *Memory) perShard() int {
	if m.Max == 0 {
		return DefaultMax / shards
	}
	return max(1, m.Max/shards)
}

// key stands for an id.
type key [3]uint32

// keyOf returns the 96 random bits that the ids of this server's codes are the
// text of, so that two of them never have the same key. For any other text it is
// a digest.
func keyOf(id string) key {
	var room [18]byte // as much as 24 characters can be
	if len(id) == 16 {
		if n, err := base64.RawURLEncoding.Decode(room[:], []byte(id)); err == nil && n == 12 {
			return readKey(room[:12])
		}
	}
	sum := sha256.Sum256([]byte(id))
	return readKey(sum[:12])
}

// hash says where a key stands. Keys of codes are random already; others need
// not be, and should not all stand in one place. Nobody can choose the id of a
// code, so it need not be unguessable.
func (k key) hash() uint64 {
	const odd = 0x9e3779b97f4a7c15 // 2^64 by the golden ratio: spreads any difference upwards
	h := (uint64(k[0])<<32 | uint64(k[1])) ^ uint64(k[2])*odd
	h = (h ^ h>>32) * odd
	return h ^ h>>32
}

func readKey(b []byte) key {
	return key{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])}
}

// lastSecond is the first Unix second at which an id may be forgotten: rounded
// up, and never the zero that marks a free place.
func lastSecond(until time.Time) uint32 {
	second := until.Unix()
	if until.Nanosecond() > 0 {
		second++
	}
	return uint32(min(max(second, 1), math.MaxUint32))
}
