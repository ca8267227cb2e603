package replay

import "math"

// table holds the keys of one shard by open addressing: a key stands at the
// place its hash points to, or at the next free one. Nothing is ever taken out;
// when the table has filled up it is made anew from what is alive. By then a
// fifth of it is new, so each key is moved a constant number of times however
// many are alive. The zero value is ready for use.
type table struct {
	slots   []slot
	used    int
	soonest uint32 // no key in the table ends before
}

// slot is 16 bytes. until is the Unix second at which the key may be forgotten;
// zero marks a free place.
type slot struct {
	key   key
	until uint32
}

// How full a table becomes, and how full it is when it has been made anew.
const (
	fullPercent  = 85
	freshPercent = 65
	leastSlots   = 16
)

// find returns the place of a key, or if it is not there the place it belongs
// to. A table always has free places, so the search ends.
func (t *table) find(k key) (place int, found bool) {
	if len(t.slots) == 0 {
		return 0, false
	}
	// The high bits: the low ones are those of the shard.
	place = int(k.hash() >> 32 * uint64(len(t.slots)) >> 32)
	for t.slots[place].until != 0 {
		if t.slots[place].key == k {
			return place, true
		}
		if place++; place == len(t.slots) {
			place = 0
		}
	}
	return place, false
}

// isFull says whether a sweep has to come before the next key.
func (t *table) isFull(most int) bool {
	return t.used >= most || t.used >= len(t.slots)*fullPercent/100
}

// add puts a key at the place that find returned for it.
func (t *table) add(place int, k key, until uint32) {
	t.slots[place] = slot{k, until}
	t.used++
	t.soonest = min(t.soonest, until)
}

// sweep makes the table anew, without what has ended. It is false if there is
// no room for one more among at most so many. A table that is full of living
// keys is swept again only when the first of them has ended, so whoever is
// refused costs no sweep.
func (t *table) sweep(now int64, most int) (room bool) {
	if t.used >= most && int64(t.soonest) > now {
		return false
	}
	alive := 0
	for _, s := range t.slots {
		if int64(s.until) > now {
			alive++
		}
	}
	next := table{
		slots:   make([]slot, max(leastSlots, (alive+1)*100/freshPercent)),
		soonest: math.MaxUint32,
	}
	for _, s := range t.slots {
		if int64(s.until) > now {
			place, _ := next.find(s.key)
			next.add(place, s.key, s.until)
		}
	}
	*t = next
	return alive < most
}
