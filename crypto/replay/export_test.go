package replay

import "reflect"

// Len says how many ids are held.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, s := range m.sets {
		n += s.used
	}
	if n != m.held {
		panic("ids are counted wrongly")
	}
	return n
}

// Bytes says how much memory the ids take, with the sets and what is spare.
func (m *Memory) Bytes() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	const place, inMap = 8, 32 // key and pointer, in a map that is half full
	n := 0
	for _, s := range m.sets {
		n += inMap + int(reflect.TypeFor[set]().Size()) + place*cap(s.places)
	}
	for _, p := range m.spare {
		n += place * cap(p)
	}
	return n
}
