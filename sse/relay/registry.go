package relay

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
)

// name is 128 random bits: of a replica's life, or of a registration there.
type name [16]byte

func newName() (n name) {
	rand.Read(n[:]) // it never fails
	return n
}

func (n name) String() string { return base64.RawURLEncoding.EncodeToString(n[:]) }

// idSize is the length of a registration's id: 256 bits in base64url.
const idSize = 43

// formatID returns the id of a registration.
func formatID(home, place name) string {
	return base64.RawURLEncoding.EncodeToString(append(home[:], place[:]...))
}

// parseID is strict: one registration has one id. The decoder skips line breaks
// even so, and then there are too few bytes.
func parseID(id string) (home, place name, ok bool) {
	if len(id) != idSize {
		return name{}, name{}, false
	}
	var raw [32]byte
	n, err := base64.RawURLEncoding.Strict().Decode(raw[:], []byte(id))
	if err != nil || n != len(raw) {
		return name{}, name{}, false
	}
	return name(raw[:16]), name(raw[16:]), true
}

// Registration is the place of somebody who waits.
type Registration struct {
	// ID is 43 characters of A-Z a-z 0-9 - _.
	ID string

	place    name
	registry *registry
	owner    Owner
	handler  Handler
}

// Release ends the registration; again is no harm. A message that is being
// handled meanwhile is not waited for, but no other follows.
func (r *Registration) Release() {
	r.registry.mu.Lock()
	defer r.registry.mu.Unlock()
	delete(r.registry.waiting, r.place)
}

// registry is who waits on this replica.
type registry struct {
	home name
	log  *slog.Logger

	mu      sync.RWMutex
	closed  bool
	waiting map[name]*Registration
	topics  map[string]map[*subscriber]struct{}
}

type subscriber struct{ handler func([]byte) }

func newRegistry(log *slog.Logger) registry {
	return registry{
		home:    newName(),
		log:     log,
		waiting: make(map[name]*Registration),
		topics:  make(map[string]map[*subscriber]struct{}),
	}
}

// Register implements Relay.
func (r *registry) Register(owner Owner, h Handler) (*Registration, error) {
	place := newName()
	reg := &Registration{ID: formatID(r.home, place), place: place, registry: r, owner: owner, handler: h}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return nil, ErrUnavailable
	case len(r.waiting) >= MaxRegistrations:
		return nil, ErrBusy
	}
	r.waiting[place] = reg
	return reg, nil
}

// Subscribe implements Relay.
func (r *registry) Subscribe(topic string, h func([]byte)) (cancel func()) {
	s := &subscriber{h}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.topics[topic] == nil {
		r.topics[topic] = make(map[*subscriber]struct{})
	}
	r.topics[topic][s] = struct{}{}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.topics[topic], s)
		if len(r.topics[topic]) == 0 {
			delete(r.topics, topic)
		}
	}
}

// hand gives a message to a registration of this replica. Another's looks as if
// it were not there.
func (r *registry) hand(place name, from Owner, m Message) error {
	r.mu.RLock()
	reg := r.waiting[place]
	r.mu.RUnlock()
	if reg == nil || reg.owner != from {
		return ErrNobody
	}
	err := r.call(reg.handler, m)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrNobody):
		return ErrNobody
	case errors.Is(err, ErrBusy):
		return ErrBusy
	}
	r.log.Error("message not taken", "event", "relay_handler", "err", err)
	return ErrUnavailable
}

// call turns a panic of the handler into an error: it must neither end the
// process nor the goroutine that serves all others.
func (r *registry) call(h Handler, m Message) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("handler panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return h(m)
}

// announce gives a body to the subscribers on this replica.
func (r *registry) announce(topic string, body []byte) {
	r.mu.RLock()
	all := make([]*subscriber, 0, len(r.topics[topic]))
	for s := range r.topics[topic] {
		all = append(all, s)
	}
	r.mu.RUnlock()
	for _, s := range all {
		err := r.call(func(m Message) error { s.handler(m.Body); return nil }, Message{Body: body})
		if err != nil {
			r.log.Error("broadcast not taken", "event", "relay_handler", "topic", topic, "err", err)
		}
	}
}

// shut ends all registrations and subscriptions.
func (r *registry) shut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	clear(r.waiting)
	clear(r.topics)
}
