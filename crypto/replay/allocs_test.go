//go:build !race

package replay_test

import (
	"errors"
	"testing"

	"mcp-oauth-server/crypto/replay"
)

// TestRefusalsCostNoAllocation: neither a code that is sent again nor one for
// which there is no room costs a sweep or memory. The race detector counts its
// own.
func TestRefusalsCostNoAllocation(t *testing.T) {
	c := newClock()
	g := &replay.Memory{Now: c.Now, Max: 64}
	var n uint64
	for refused := 0; refused < 2000; n++ { // until every shard is full
		if err := spend(g, codeID(n), c.in(60)); errors.Is(err, replay.ErrUnavailable) {
			refused++
		}
	}
	if g.Len() != 64 {
		t.Fatalf("%d of 64 ids are held", g.Len())
	}
	fresh := codeID(n)
	if a := testing.AllocsPerRun(1000, func() {
		if err := spend(g, fresh, c.in(60)); !errors.Is(err, replay.ErrUnavailable) {
			t.Fatal(err)
		}
	}); a > 0 {
		t.Errorf("no room: %v allocations", a)
	}
	first := codeID(0)
	if a := testing.AllocsPerRun(1000, func() {
		if err := spend(g, first, c.in(60)); !errors.Is(err, replay.ErrSpent) {
			t.Fatal(err)
		}
	}); a > 0 {
		t.Errorf("spent before: %v allocations", a)
	}
}
