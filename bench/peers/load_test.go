package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// testServer counts how often each path was asked for and answers "hello", or
// 401 below /bad.
func testServer(t *testing.T) (netip.AddrPort, func() map[string]int) {
	t.Helper()
	var mu sync.Mutex
	seen := make(map[string]int)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen[r.URL.Path]++
		mu.Unlock()
		if strings.HasPrefix(r.URL.Path, "/bad") {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, "hello")
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().(*net.TCPAddr).AddrPort(), func() map[string]int {
		mu.Lock()
		defer mu.Unlock()
		return seen
	}
}

func numbered(addr netip.AddrPort, prefix string, n, status int) []request {
	var all []request
	for i := range n {
		all = append(all, request{post(addr, fmt.Sprintf("%s%d", prefix, i), "text/plain", "", "x"), status})
	}
	return all
}

func TestOneTimeRequestsAreSentOnce(t *testing.T) {
	addr, seen := testServer(t)
	const n = 500
	got, err := window{addr: addr, conns: 7, time: time.Minute, requests: numbered(addr, "/", n, 200), once: true, expect: "hello"}.run()
	if err != nil {
		t.Fatal(err)
	}
	if got.done != n || len(got.good) != n || got.elapsed <= 0 || got.elapsed > time.Minute {
		t.Errorf("%d done, %d good in %v, want %d", got.done, len(got.good), got.elapsed, n)
	}
	for path, times := range seen() {
		if times != 1 {
			t.Errorf("%s was sent %d times", path, times)
		}
	}
	if len(seen()) != n {
		t.Errorf("%d of %d were sent", len(seen()), n)
	}
}

func TestRequestsRepeatUntilTheTimeIsOver(t *testing.T) {
	addr, seen := testServer(t)
	got, err := window{addr: addr, conns: 3, time: 100 * time.Millisecond, requests: numbered(addr, "/", 3, 200), expect: "hello"}.run()
	if err != nil {
		t.Fatal(err)
	}
	if got.done <= 3 || got.elapsed != 100*time.Millisecond || len(seen()) != 3 {
		t.Errorf("%d done in %v over %d requests", got.done, got.elapsed, len(seen()))
	}
	if p50, p99 := got.quantile(0.5), got.quantile(0.99); p50 <= 0 || p99 < p50 {
		t.Errorf("p50 %v, p99 %v", p50, p99)
	}
}

func TestBadRequestsAreNotAmongTheGood(t *testing.T) {
	addr, _ := testServer(t)
	all := append(numbered(addr, "/", 50, 200), numbered(addr, "/bad", 70, 401)...)
	got, err := window{addr: addr, conns: 2, time: time.Minute, requests: all, once: true, expect: "hello"}.run()
	if err != nil || got.done != 120 || len(got.good) != 50 {
		t.Errorf("%d done, %d good, %v", got.done, len(got.good), err)
	}
}

// A server that fails fast must not win.
func TestUnexpectedAnswersEndTheWindow(t *testing.T) {
	addr, _ := testServer(t)
	for name, w := range map[string]window{
		"another status": {requests: numbered(addr, "/bad", 1, 200), expect: ""},
		"another body":   {requests: numbered(addr, "/", 1, 200), expect: "good-bye"},
	} {
		w.addr, w.conns, w.time = addr, 1, time.Second
		if _, err := w.run(); err == nil || !strings.Contains(err.Error(), "answered") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
