//go:build !race

package jose_test

import (
	"testing"

	"mcp-oauth-server/crypto/jose"
)

// A token is the one allocation of sealing, and opening into a buffer makes
// none; big integers of ES256 are the standard library's. The race detector
// counts its own.
func TestAllocations(t *testing.T) {
	r := newRing(t, issuer, secretA)
	payload, dst := []byte(`{"sub":"alice"}`), make([]byte, 0, 100)
	for _, p := range []jose.Profile{sealed, forever, access} {
		token := genuine(t, r, p)
		forged := token[:len(token)-30] + "AAAAAAA" + token[len(token)-23:]
		for what, tt := range map[string]struct {
			budget float64
			op     func() error
		}{
			"Seal":       {1, func() error { _, err := r.Seal(p, payload, noon); return err }},
			"Open":       {1, func() error { _, err := r.Open(p, token, noon); return err }},
			"AppendOpen": {0, func() error { _, err := r.AppendOpen(dst, p, token, noon); return err }},
		} {
			if n := testing.AllocsPerRun(100, func() {
				if err := tt.op(); err != nil {
					t.Error(err)
				}
			}); n > tt.budget {
				t.Errorf("%s of %s: %v allocations, budget %v", what, name(p), n, tt.budget)
			}
		}
		if n := testing.AllocsPerRun(100, func() { mustRefuse(t, r, p, forged, jose.ErrForged, noon) }); n > 0 {
			t.Errorf("refusing %s: %v allocations", name(p), n)
		}
		// Deriving a key allocates: of a day that nobody has minted on, only the
		// first forgery does.
		tomorrow := craft(t, r.Outer(0, p, jose.Today(noon)+1), make([]byte, 32), []byte("x"))
		if n := testing.AllocsPerRun(100, func() { mustRefuse(t, r, p, tomorrow, jose.ErrForged, noon) }); n > 0 {
			t.Errorf("refusing %s of tomorrow: %v allocations", name(p), n)
		}
	}
}
