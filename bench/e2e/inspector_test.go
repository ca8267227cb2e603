package e2e

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// The MCP Inspector is run in each of its ways; the flags choose. The requests are those that carry its token: they
// show which transport and which revision the flags really led to.
var inspections = []struct {
	name, flags string
	requests    []string
}{
	{"default", "--transport http", []string{"GET /sse 2025-11-25", "POST /sse", "POST /sse 2025-11-25"}},
	{"modern", "--transport http --protocol-era modern", []string{"POST /sse 2026-07-28"}},
	{"auto", "--transport http --protocol-era auto", []string{"POST /sse 2026-07-28"}},
	{"sse", "--transport sse", []string{"GET /sse", "POST /sse/message", "POST /sse/message 2025-11-25"}},
}

// The Inspector logs in by itself and uses the tools in either era and over the old transport, with two replicas.
func TestInspector(t *testing.T) {
	t.Parallel()
	needNode(t)
	node := node22(t)
	var seen witness
	f := newFront(t, func(f *front, r *http.Request) int {
		seen.note(r)
		return sessionHash(f, r)
	})
	startPair(t, f, startDevProvider(t, f.url()))
	for _, inspection := range inspections {
		t.Run(inspection.name, func(t *testing.T) {
			seen.forget()
			args := append([]string{f.url() + "/sse", strconv.Itoa(freePort(t))}, strings.Fields(inspection.flags)...)
			startDriver(t, []string{"NODE22=" + node}, "inspector.mjs", args...).finish(t)
			if got := seen.requests(); !slices.Equal(got, inspection.requests) {
				t.Errorf("it sent %q, want %q", got, inspection.requests)
			}
		})
	}
	f.spread(t)
}

// witness remembers the requests with a token that pass a front, as "METHOD path version".
type witness struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (w *witness) note(r *http.Request) {
	if r.Header.Get("Authorization") == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[strings.TrimSpace(r.Method+" "+r.URL.Path+" "+r.Header.Get("MCP-Protocol-Version"))] = true
}

func (w *witness) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = make(map[string]bool)
}

func (w *witness) requests() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Keys(w.seen))
}
