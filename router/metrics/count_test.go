package metrics

import (
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

func nothing() int { return 0 }
func never() bool  { return false }

func newMetrics() *Metrics {
	return New(Config{Version: "v1.2.3", OpenStreams: nothing, Draining: never})
}

func TestStatusesHaveTheirCodes(t *testing.T) {
	for status, want := range map[int]string{
		200: "2xx", 201: "2xx", 202: "2xx", 204: "2xx", 299: "2xx", 302: "3xx", 303: "3xx", 399: "3xx",
		400: "400", 401: "401", 402: "4xx", 403: "403", 404: "404", 405: "4xx", 413: "4xx", 421: "421", 429: "429", 499: "4xx",
		500: "500", 501: "5xx", 503: "503", 504: "5xx", 599: "5xx",
		0: "5xx", 100: "5xx", -1: "5xx", 600: "5xx", 1 << 40: "5xx", // no statuses
	} {
		m := newMetrics()
		m.Count(7, Token, status, 0)
		for code, n := range m.sum(Token).codes {
			if (codes[code] == want) != (n == 1) {
				t.Errorf("%d counts %d as %s, want %s", status, n, codes[code], want)
			}
		}
	}
}

func TestDurationsHaveTheirBuckets(t *testing.T) {
	for took, want := range map[time.Duration]int{
		0: 0, 3 * time.Microsecond: 0, 10 * time.Microsecond: 0, 10*time.Microsecond + 1: 1, 30 * time.Microsecond: 1,
		time.Millisecond: 4, 2 * time.Millisecond: 5, time.Second: 10, 10 * time.Second: 12, 11 * time.Second: 13, time.Hour: 13,
		-time.Second: 0, // a clock that was put back
	} {
		if got := boundsPassed(took); got != want {
			t.Errorf("%v is beyond %d bounds, want %d", took, got, want)
		}
	}
	for i := range len(bounds) - 1 {
		if bounds[i] >= bounds[i+1] {
			t.Errorf("%v comes before %v", bounds[i], bounds[i+1])
		}
	}
}

// Whatever the connection, nothing is lost and nothing is counted for another route.
func TestAllCellsAreAddedUp(t *testing.T) {
	const workers, each = 8, 1000
	m := newMetrics()
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() {
			for i := range each {
				m.Count(uint64(worker*i), MCP, 200, 2*time.Millisecond)
				m.Count(uint64(worker+i), Token, 400, time.Microsecond)
			}
		})
	}
	wg.Wait()
	for route, name := range routeNames {
		want := uint64(0)
		if Route(route) == MCP || Route(route) == Token {
			want = workers * each
		}
		s := m.sum(Route(route))
		if within := s.within(); s.total() != want || Route(route) == MCP && (s.took != 2*time.Millisecond*workers*each || within[0.001] != 0 || within[0.003] != want) {
			t.Errorf("%s: %+v, want %d", name, s, want)
		}
	}
}

// Who asks while requests are counted still gets a histogram: no bucket holds more
// than the next one.
func TestSumsAreSoundAtAnyMoment(t *testing.T) {
	m, done := newMetrics(), make(chan struct{})
	var wg sync.WaitGroup
	for worker := range uint64(2) {
		wg.Go(func() {
			for i := uint64(0); ; i++ {
				select {
				case <-done:
					return
				default:
					m.Count(worker+i, MCP, 200, time.Duration(i%20)*time.Second)
				}
			}
		})
	}
	for range 1000 {
		s := m.sum(MCP)
		before := uint64(0)
		for _, bound := range bounds {
			n := s.within()[bound.Seconds()]
			if n < before || n > s.total() {
				t.Fatalf("within %v: %d, before it %d, in all %d", bound, n, before, s.total())
			}
			before = n
		}
	}
	close(done)
	wg.Wait()
}

// Counters of two routes or two cells must not lie in one cache line. The lines
// of some processors are fetched in pairs.
func TestTalliesFillCacheLines(t *testing.T) {
	if size := reflect.TypeFor[tally]().Size(); size%64 != 0 || size > 512 {
		t.Errorf("a tally has %d bytes", size)
	}
	if n := len(newCells()); n&(n-1) != 0 || n < 4 || n > maxCells {
		t.Errorf("%d cells", n)
	}
}

func TestEveryRouteHasAName(t *testing.T) {
	seen := map[string]bool{}
	for route, name := range routeNames {
		if name == "" || seen[name] || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz") != "" {
			t.Errorf("route %d is called %q", route, name)
		}
		seen[name] = true
	}
}

func TestCountingAllocatesNothing(t *testing.T) {
	m := newMetrics()
	if n := testing.AllocsPerRun(1000, func() { m.Count(5, MCP, 200, 8*time.Microsecond) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCount(b *testing.B) {
	m := newMetrics()
	b.ReportAllocs()
	for b.Loop() {
		m.Count(5, MCP, 200, 8*time.Microsecond)
	}
}

// BenchmarkCountParallel counts on connections of their own, which is how a server
// on several processors does.
func BenchmarkCountParallel(b *testing.B) {
	m := newMetrics()
	var mu sync.Mutex
	connections := uint64(0)
	b.RunParallel(func(pb *testing.PB) {
		mu.Lock()
		connections++
		connection := connections
		mu.Unlock()
		for pb.Next() {
			m.Count(connection, MCP, 200, 8*time.Microsecond)
		}
	})
}
