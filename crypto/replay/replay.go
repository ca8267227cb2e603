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
// what the id stands for. An id must come with the same until each time: a guard
// may take it for another id otherwise. Codes carry both, sealed. A guard bounds
// its own time: its callers set no deadline.
type Guard interface {
	Spend(ctx context.Context, id string, until time.Time) error
}
