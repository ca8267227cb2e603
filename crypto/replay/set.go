package replay

import (
	"math/bits"
	"slices"
)

// set holds the keys of one second by open addressing: a key stands at the
// place it points to, or at the next free one. Keys are random bits, so they are
// their own hash. Nothing is ever taken out.
type set struct {
	places []uint64 // 0 is a free one
	used   int
}

const (
	// freshPercent is how full an array becomes with the ids it is made for.
	freshPercent = 87
	// fullPercent is how full it may become. The last places are slow to find,
	// some 200 are looked at for one, but the way to a mean key is ten.
	fullPercent = 95
	leastPlaces = 4
)

// find returns the place of a key, or if it is not there the place it belongs
// to. A set always has free places, so the search ends.
func (s *set) find(key uint64) (place int, found bool) {
	if s == nil {
		return 0, false
	}
	from, _ := bits.Mul64(key, uint64(len(s.places))) // key, scaled to the places there are
	for place = int(from); s.places[place] != 0; {
		if s.places[place] == key {
			return place, true
		}
		if place++; place == len(s.places) {
			place = 0
		}
	}
	return place, false
}

func (s *set) isFull() bool { return s.used >= len(s.places)*fullPercent/100 }

// put puts a key at the place that find returned for it.
func (s *set) put(place int, key uint64) {
	s.places[place] = key
	s.used++
}

// moveTo puts the keys into another array, which must be empty.
func (s *set) moveTo(places []uint64) {
	old := s.places
	*s = set{places: places}
	for _, key := range old {
		if key != 0 {
			place, _ := s.find(key)
			s.put(place, key)
		}
	}
}

// newPlaces returns an array for so many ids, with all that the allocator gives.
func newPlaces(ids int) []uint64 {
	places := slices.Grow([]uint64(nil), placesFor(ids))
	return places[:cap(places)]
}

// suits says whether an array is about as large as one made for so many ids.
func suits(places []uint64, ids int) bool {
	want := placesFor(ids)
	return len(places) >= want && len(places) <= want+want/4
}

func placesFor(ids int) int { return max(leastPlaces, ids*100/freshPercent+1) }
