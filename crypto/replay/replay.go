// Package replay remembers which authorization codes were redeemed, so that
// each works once (RFC 6749 §4.1.2). It keys on the id inside a code, never on
// the code's text. It knows no code, no client and no clock of its own.
//
// Memory covers one replica. What it cannot see, a second redemption at another
// replica, is bounded by the code's lifetime and the PKCE verifier.
package replay

import (
	"context"
	"errors"
	"sync"
	"time"
)

var (
	// ErrSpent: the id was spent before.
	ErrSpent = errors.New("already spent")
	// ErrUnavailable: the guard cannot answer now; the id is not spent, and the
	// same request may be tried again.
	ErrUnavailable = errors.New("replay guard unavailable")
)

// Guard spends ids. Spend returns nil exactly once for an id until the given
// time, ErrSpent from then on, and ErrUnavailable when it cannot tell. After
// until the guard may forget the id, so until must not lie before the expiry of
// what the id stands for. It bounds its own time: its callers set no deadline.
type Guard interface {
	Spend(ctx context.Context, id string, until time.Time) error
}

// sweepEvery is the least number of ids that are spent between two sweeps of
// expired ones.
const sweepEvery = 1024

// Memory is a Guard for one replica. The zero value needs Now to be set; it is
// safe for concurrent use. It holds about 100 bytes per id for as long as a
// code lives, at most twice that after a burst, and only users who logged in can
// make codes.
type Memory struct {
	Now func() time.Time

	mu    sync.Mutex
	spent map[string]time.Time
	fresh int // ids spent since the last sweep
	kept  int // ids that the last sweep left
}

// Spend implements Guard. It never returns ErrUnavailable.
func (m *Memory) Spend(_ context.Context, id string, until time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, again := m.spent[id]; again {
		return ErrSpent
	}
	if m.spent == nil {
		m.spent = make(map[string]time.Time)
	}
	m.spent[id] = until
	if m.fresh++; m.fresh >= max(sweepEvery, m.kept) {
		m.sweep()
	}
	return nil
}

// sweep forgets what is over. It visits every id, so as many as it left must be
// new before the next one: a busy guard pays for each id a constant number of
// times, however many are alive.
func (m *Memory) sweep() {
	now := m.Now()
	for id, until := range m.spent {
		if !until.After(now) {
			delete(m.spent, id)
		}
	}
	m.fresh, m.kept = 0, len(m.spent)
}
