package sse

import (
	"errors"
	"sync"
)

// What waits for slow readers is memory of this replica that its clients hold,
// for as long as they like. It is bounded for all together and, so that nobody
// takes the room of the others, for each user.
const (
	// maxBacklog is the bytes that may wait on all streams of this replica.
	maxBacklog = 64 << 20
	// maxBacklogPerUser is the bytes that may wait on the streams of one user. A
	// frame that is longer is taken only if nothing else waits.
	maxBacklogPerUser = 16 << 20
)

// errBacklog says that no more may wait for a stream.
var errBacklog = errors.New("too much waits for the client")

// backlog counts the bytes that wait. The zero value is ready to use. Streams
// ask it with their own lock held, and only when a socket does not take all.
type backlog struct {
	mu     sync.Mutex
	total  int
	byUser map[string]int
}

// take takes room for n bytes; giveBack gives it back. The error is errBacklog.
func (b *backlog) take(subject string, n int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	waits := b.byUser[subject]
	if waits > 0 && waits+n > maxBacklogPerUser || b.total+n > maxBacklog {
		return errBacklog
	}
	if b.byUser == nil {
		b.byUser = make(map[string]int)
	}
	b.byUser[subject] += n
	b.total += n
	return nil
}

func (b *backlog) giveBack(subject string, n int) {
	if n == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.total -= n
	if b.byUser[subject] -= n; b.byUser[subject] == 0 {
		delete(b.byUser, subject)
	}
}
