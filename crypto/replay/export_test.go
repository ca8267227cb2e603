package replay

import "reflect"

// Len says how many ids are held.
func (m *Memory) Len() int {
	n := 0
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		n += s.spent.used
		s.mu.Unlock()
	}
	return n
}

// Bytes says how much memory the ids take.
func (m *Memory) Bytes() int {
	n := 0
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		n += len(s.spent.slots) * int(reflect.TypeFor[slot]().Size())
		s.mu.Unlock()
	}
	return n
}
