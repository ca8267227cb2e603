package relay

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/semaphore"
)

const (
	// workers hand out what was received. Handlers do not block, so they mostly
	// wait for Redis to take their receipts.
	workers = 8
	// maxInbox and maxIncoming bound what waits to be handed out: letters, and
	// bytes (64 MiB).
	maxInbox    = 1024
	maxIncoming = 64 << 20
)

// inbox is what was received and not yet handed out. What has no place in it is
// dropped: its sender gets no receipt, and so ErrUnavailable.
type inbox struct {
	windows  windows
	letters  chan letter
	incoming *semaphore.Weighted

	// Counted here and logged now and then: whoever floods the channel must not
	// flood the log.
	refused, dropped, unsent atomic.Int64
}

func newInbox() inbox {
	return inbox{letters: make(chan letter, maxInbox), incoming: semaphore.NewWeighted(maxIncoming)}
}

// receive takes what came over the subscription. Checks, in order: sealed by a
// replica of this deployment for this channel, well formed, seen for the first
// time. It must not wait for anything.
func (r *Redis) receive(m *redis.Message) {
	l, err := open(r.config.Keys(), m.Channel, m.Payload)
	if err != nil || !r.inbox.windows.fresh(l, r.config.Now()) {
		r.inbox.refused.Add(1)
		return
	}
	switch {
	case l.purpose == receipt:
		r.receipts.settle(l)
		return
	case l.from == r.home: // a broadcast, and everybody here has it already
		return
	}
	size := int64(l.size())
	if !r.inbox.incoming.TryAcquire(size) {
		r.inbox.dropped.Add(1)
		return
	}
	select {
	case r.inbox.letters <- l:
	default:
		r.inbox.incoming.Release(size)
		r.inbox.dropped.Add(1)
	}
}

// handOut is a worker: it gives letters to their handlers until the inbox is
// closed and empty.
func (r *Redis) handOut() {
	for l := range r.inbox.letters {
		r.handle(l)
		r.inbox.incoming.Release(int64(l.size()))
	}
}

func (r *Redis) handle(l letter) {
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("goroutine panicked", "event", "panic", "in", "relay inbox", "err", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	if l.purpose == broadcast {
		r.announce(l.topic, l.body)
		return
	}
	err := r.hand(l.to, l.owner, Message{Kind: l.kind, Body: l.body})
	// Not the relay's life: what was taken while it closes deserves its receipt.
	ctx, cancel := context.WithTimeout(context.Background(), deliverTime)
	defer cancel()
	answer := letter{purpose: receipt, about: l.number, outcome: outcomeOf(err), number: r.numbers.Add(1)}
	if _, err := r.post(ctx, l.from.String(), answer); err != nil {
		r.inbox.unsent.Add(1)
	}
}

// report logs what went wrong since the last time.
func (r *Redis) report() {
	refused, dropped, unsent := r.inbox.refused.Swap(0), r.inbox.dropped.Swap(0), r.inbox.unsent.Swap(0)
	if refused > 0 {
		r.log.Warn("refused letters: forged or repeated by another user of the Redis, or clocks or keys of the replicas differ",
			"event", "relay_refused", "count", refused)
	}
	if dropped > 0 || unsent > 0 {
		r.log.Warn("letters lost", "event", "relay_lost", "dropped", dropped, "receipts_not_sent", unsent)
	}
}
