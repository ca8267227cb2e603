package metrics

import (
	"runtime"
	"sync/atomic"
	"time"
)

// bounds are the upper ends of the histogram's buckets. A tool call takes
// microseconds, a login at the provider seconds; three steps to each ten tell
// them apart within a factor of about three.
var bounds = [...]time.Duration{
	10 * time.Microsecond, 30 * time.Microsecond, 100 * time.Microsecond, 300 * time.Microsecond,
	time.Millisecond, 3 * time.Millisecond, 10 * time.Millisecond, 30 * time.Millisecond,
	100 * time.Millisecond, 300 * time.Millisecond, time.Second, 3 * time.Second, 10 * time.Second,
}

// tally is what one cell knows of one route. It fills whole cache lines, so that
// the routes of a cell do not slow each other down either.
type tally struct {
	codes [len(codes)]atomic.Uint64
	took  atomic.Int64 // in nanoseconds; in one cache line with the commonest code
	// slow are the requests that took longer than the bound of the same place and
	// no longer than the next one. Those faster than all bounds are the rest: they
	// are the most, and are spared a counter of their own.
	slow [len(bounds)]atomic.Uint64
	_    [(8 - (len(codes)+len(bounds)+1)%8) % 8]uint64
}

// cell is one of several sets of counters. Connections are dealt out among them,
// so that two processors seldom write to one cache line; whoever asks adds them up.
type cell [routes]tally

// maxCells bounds the memory on big machines: 220 KiB.
const maxCells = 64

// newCells makes a power of two of cells, at least four to a processor. One that
// is alone contends with nobody.
func newCells() []cell {
	n := 1
	for processors := runtime.GOMAXPROCS(0); processors > 1 && n < min(4*processors, maxCells); {
		n *= 2
	}
	return make([]cell, n)
}

// Count counts a request that was answered with a status. Connections are told
// apart by numbers that follow each other.
func (m *Metrics) Count(connection uint64, route Route, status int, took time.Duration) {
	if uint(status) >= statuses {
		status = 0
	}
	t := &m.cells[connection&uint64(len(m.cells)-1)][route]
	t.codes[codeOf[status]].Add(1)
	t.took.Add(int64(took))
	if passed := boundsPassed(took); passed > 0 {
		t.slow[passed-1].Add(1) // after codes: sum relies on it
	}
}

// boundsPassed says how many bounds are below. It looks from the lowest on, where
// nearly all requests are.
func boundsPassed(took time.Duration) int {
	for i, bound := range bounds {
		if took <= bound {
			return i
		}
	}
	return len(bounds)
}

// sum is what all cells know of one route.
type sum struct {
	codes [len(codes)]uint64
	took  time.Duration
	slow  [len(bounds)]uint64
}

// sum adds the cells up. It reads in the order opposite to that of Count, so that
// what is counted meanwhile may be missing in slow and never in codes: there are
// never more slow requests than requests.
func (m *Metrics) sum(route Route) (s sum) {
	for i := range m.cells {
		for b := range s.slow {
			s.slow[b] += m.cells[i][route].slow[b].Load()
		}
	}
	for i := range m.cells {
		s.took += time.Duration(m.cells[i][route].took.Load())
		for code := range s.codes {
			s.codes[code] += m.cells[i][route].codes[code].Load()
		}
	}
	return s
}

// total is how many requests there were.
func (s *sum) total() (n uint64) {
	for _, ofCode := range s.codes {
		n += ofCode
	}
	return n
}

// within has for each bound, in seconds, how many requests took no longer.
func (s *sum) within() map[float64]uint64 {
	buckets, rest := make(map[float64]uint64, len(bounds)), s.total()
	for i := len(bounds) - 1; i >= 0; i-- {
		rest -= s.slow[i]
		buckets[bounds[i].Seconds()] = rest
	}
	return buckets
}
