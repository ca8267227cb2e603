package devidp

import (
	"sync"
	"time"
)

// maxEntries bounds each memory. A developer has a handful; a test suite that loops has thousands, and then the oldest
// go.
const maxEntries = 4096

// memory is a map whose entries expire, and whose oldest entry goes when it is full.
type memory[V any] struct {
	ttl time.Duration

	mu      sync.Mutex
	entries map[string]entry[V]
	order   []string // oldest first; may name entries that are gone
}

type entry[V any] struct {
	value   V
	expires time.Time
}

func newMemory[V any](ttl time.Duration) *memory[V] {
	return &memory[V]{ttl: ttl, entries: map[string]entry[V]{}}
}

// put keeps value under a key that was never used before.
func (m *memory[V]) put(key string, value V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.order) >= maxEntries {
		delete(m.entries, m.order[0])
		m.order = m.order[1:]
	}
	m.entries[key] = entry[V]{value, time.Now().Add(m.ttl)}
	m.order = append(m.order, key)
}

// get answers the value while it lives.
func (m *memory[V]) get(key string) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.live(key)
}

// take answers the value once.
func (m *memory[V]) take(key string) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	value, ok := m.live(key)
	delete(m.entries, key)
	return value, ok
}

// change replaces a value that lives, without giving it more time.
func (m *memory[V]) change(key string, to func(V) V) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	value, ok := m.live(key)
	if ok {
		m.entries[key] = entry[V]{to(value), m.entries[key].expires}
	}
	return ok
}

// drop forgets the values that match.
func (m *memory[V]) drop(match func(V) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, e := range m.entries {
		if match(e.value) {
			delete(m.entries, key)
		}
	}
}

func (m *memory[V]) live(key string) (V, bool) {
	e, ok := m.entries[key]
	if !ok || !time.Now().Before(e.expires) {
		var none V
		return none, false
	}
	return e.value, true
}
