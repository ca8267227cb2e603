package relay

import (
	"context"
	"log/slog"
)

// Local is the Relay of a replica on its own. It needs no goroutine.
type Local struct{ registry }

var _ Relay = (*Local)(nil)

// NewLocal returns a Local that logs the faults of handlers.
func NewLocal(log *slog.Logger) *Local { return &Local{newRegistry(log)} }

// Deliver implements Relay. The handler runs before it returns.
func (l *Local) Deliver(_ context.Context, id string, from Owner, m Message) error {
	if len(m.Body) > MaxBody {
		return ErrTooLarge
	}
	home, place, ok := parseID(id)
	if !ok || home != l.home {
		return ErrNobody
	}
	return l.hand(place, from, m)
}

// Publish implements Relay.
func (l *Local) Publish(_ context.Context, topic string, body []byte) error {
	if len(body) > MaxBody {
		return ErrTooLarge
	}
	l.announce(topic, body)
	return nil
}

// Up implements Relay: there is no other replica to be cut off from.
func (l *Local) Up() bool { return true }

// Close implements Relay.
func (l *Local) Close(context.Context) error {
	l.shut()
	return nil
}
