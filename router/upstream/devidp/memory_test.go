package devidp

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory[int](time.Minute)
		m.put("a", 1)
		time.Sleep(59 * time.Second)
		if v, ok := m.get("a"); !ok || v != 1 {
			t.Errorf("after 59 s: %d, %v", v, ok)
		}
		if !m.change("a", func(v int) int { return v + 1 }) {
			t.Error("a living value cannot be changed")
		}
		time.Sleep(time.Second)
		if _, ok := m.get("a"); ok {
			t.Error("changing a value gave it more time")
		}
		if m.change("a", func(int) int { return 9 }) {
			t.Error("a dead value was changed")
		}
	})
}

func TestMemoryTakesOnce(t *testing.T) {
	m := newMemory[int](time.Minute)
	m.put("a", 1)
	if v, ok := m.take("a"); !ok || v != 1 {
		t.Errorf("%d, %v", v, ok)
	}
	if _, ok := m.take("a"); ok {
		t.Error("taken twice")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	m := newMemory[int](time.Hour)
	for i := range 3 * maxEntries {
		m.put(fmt.Sprint(i), i)
	}
	if len(m.entries) > maxEntries || len(m.order) > maxEntries {
		t.Errorf("%d entries, %d in order", len(m.entries), len(m.order))
	}
	if _, ok := m.get(fmt.Sprint(3*maxEntries - 1)); !ok {
		t.Error("the newest went first")
	}
	m.drop(func(v int) bool { return v%2 == 0 })
	if _, ok := m.get(fmt.Sprint(3*maxEntries - 2)); ok {
		t.Error("a dropped value is still there")
	}
}
