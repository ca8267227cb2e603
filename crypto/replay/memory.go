package replay

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"
	"sync"
	"time"
)

// DefaultMax is how many ids a Memory holds unless told otherwise, about 40 MB
// of them: codes of a minute at 70,000 logins a second.
const DefaultMax = 1 << 22

// Memory is a Guard for one replica. The zero value needs Now to be set; it is
// safe for concurrent use. It holds 10 to 11 bytes per id for as long as a code
// lives, and only users who logged in can make codes. Where few are alive they
// take more: 20 bytes each at ten a second, 100 at one.
//
// The ids of one second of until are one set, which is dropped as a whole when
// its second has passed. So Spend takes an id with another until for another id.
//
// Of an id it holds 64 bits. A good code is refused as a spent one if these are
// those of another that ends in the same second: with DefaultMax ids in 60
// seconds, 2^16 in each, once in 2^48 codes, and were all of them in one second,
// once in 2^42. Nobody can bring that about, because the server draws the ids.
//
// What was dropped stays spent. If the clock is set back, Spend returns
// ErrUnavailable for each id that ends no later than the last dropped one: a
// clock that was an hour ahead while codes were spent, and no longer is, stops
// logins for that hour or until the process is started again.
type Memory struct {
	Now func() time.Time
	// Max bounds the ids that are held at a time; 0 means DefaultMax. Over it no
	// id is spent and none is forgotten: Spend returns ErrUnavailable.
	Max int

	// One lock: DefaultMax ids in a minute are 70,000 a second, each of which holds
	// it for less than 0.1 µs, so it is free 99 % of the time. Only where seconds
	// get busier a set grows under it: for 0.4 ms at 20,000 ids a second.
	mu        sync.Mutex
	sets      map[int64]*set // by the second of the end
	held      int            // ids in all sets
	soonest   int64          // no set ends before
	forgotten int64          // the last second whose set was dropped
	spare     [][]uint64     // arrays of dropped sets, to be used again
}

const (
	// maxSpare arrays wait for being used again. Each second one is dropped and
	// one needed; the other is for seconds that are not quite alike.
	maxSpare = 2
	// lookBack is how many seconds are looked at to guess how busy one will be:
	// more than one, because replicas whose clocks differ fill several at a time.
	lookBack = 4
)

// Spend implements Guard. It returns ErrUnavailable only when Max ids are held,
// and when the second of until has passed or was dropped before.
func (m *Memory) Spend(_ context.Context, id string, until time.Time) error {
	key, second := keyOf(id), lastSecond(until)
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.sets[second]
	place, again := s.find(key)
	if again {
		return ErrSpent
	}
	if s == nil || s.isFull() || m.held >= m.max() {
		if s = m.makeRoom(second); s == nil {
			return ErrUnavailable
		}
		place, _ = s.find(key) // all may have moved
	}
	s.put(place, key)
	m.held++
	return nil
}

// makeRoom returns the set of a second with a place for one more, or nil.
func (m *Memory) makeRoom(second int64) *set {
	now, ids := m.Now().Unix(), m.expected(second)
	m.forget(now, ids)
	// Without its set nobody knows whether an id was spent: not when the code has
	// expired since it was opened, and not after the clock was set back.
	if m.held >= m.max() || second < now || second <= m.forgotten {
		return nil
	}
	s := m.sets[second]
	switch {
	case s == nil:
		s = m.add(second, ids)
	case s.isFull():
		s.moveTo(m.places(s.used + s.used/8 + 1))
	}
	return s
}

// expected guesses how many ids will end in a second.
func (m *Memory) expected(second int64) int {
	ids := 0
	for back := range int64(lookBack) {
		if s := m.sets[second-1-back]; s != nil {
			ids = max(ids, s.used)
		}
	}
	return ids
}

// forget drops the sets whose second has passed, and keeps arrays that are good
// for so many ids. When none has passed it costs nothing, so whoever is refused
// costs no sweep.
func (m *Memory) forget(now int64, ids int) {
	if now <= m.soonest {
		return
	}
	m.spare = slices.DeleteFunc(m.spare, func(p []uint64) bool { return !suits(p, ids) })
	m.soonest = math.MaxInt64
	for second, s := range m.sets {
		if second >= now {
			m.soonest = min(m.soonest, second)
			continue
		}
		delete(m.sets, second)
		m.held -= s.used
		m.forgotten = max(m.forgotten, second)
		if len(m.spare) < maxSpare && suits(s.places, ids) {
			m.spare = append(m.spare, s.places)
		}
	}
}

// add makes the set of a second, for so many ids at first.
func (m *Memory) add(second int64, ids int) *set {
	if m.sets == nil {
		m.sets = make(map[int64]*set)
	}
	s := &set{places: m.places(ids)}
	m.sets[second] = s
	m.soonest = min(m.soonest, second)
	return s
}

// places returns an empty array for so many ids, a used one if there is one.
func (m *Memory) places(ids int) []uint64 {
	for i, places := range m.spare {
		if suits(places, ids) {
			m.spare = slices.Delete(m.spare, i, i+1)
			clear(places)
			return places
		}
	}
	return newPlaces(ids)
}

func (m *Memory) max() int {
	if m.Max == 0 {
		return DefaultMax
	}
	return m.Max
}

// keyOf returns 64 of the 96 random bits that the ids of this server's codes are
// the text of. For any other text it is a digest.
func keyOf(id string) uint64 {
	var room [18]byte // as much as 24 characters can be
	if len(id) == 16 {
		if n, err := base64.RawURLEncoding.Decode(room[:], []byte(id)); err == nil && n == 12 {
			return readKey(room[:])
		}
	}
	sum := sha256.Sum256([]byte(id))
	return readKey(sum[:])
}

// readKey never returns the zero that marks a free place.
func readKey(b []byte) uint64 { return max(1, binary.BigEndian.Uint64(b)) }

// lastSecond is the Unix second after which an id may be forgotten: rounded up.
// A code that is opened at the last moment has that second to be spent in, and
// cannot be spent twice in it.
func lastSecond(until time.Time) int64 {
	second := until.Unix()
	if until.Nanosecond() > 0 {
		second++
	}
	return second
}
