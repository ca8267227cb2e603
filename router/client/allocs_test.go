//go:build !race

package client_test

import "testing"

// TestAKnownClientCostsNoAllocation: every token request names its client. The
// race detector counts its own.
func TestAKnownClientCostsNoAllocation(t *testing.T) {
	v := vault(t)
	r := resolver(t, v)
	id := registered(t, v, "An app", "https://app.example/cb")
	if n := testing.AllocsPerRun(100, func() {
		if _, err := r.Resolve(id); err != nil {
			t.Error(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
