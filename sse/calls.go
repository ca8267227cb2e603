package sse

import (
	"errors"
	"sync"
)

// What runs without holding an HTTP request or a stream's place is counted:
// nobody's client needs more, an attacker's would fill the memory, and one user
// must not take the places of all. That is the messages of legacy streams, and
// the questions whose client may have left.
const (
	maxCalls        = 1024 // on this replica
	maxCallsPerUser = 64
)

var (
	errBusy     = errors.New("the server runs too many calls; try again")
	errUserBusy = errors.New("you run too many calls; wait for an answer")
)

// quota counts up to maxCalls. The zero value is ready to use.
type quota struct {
	mu     sync.Mutex
	total  int
	byUser map[string]int
}

// take takes a place; giveBack gives it back. The error is errUserBusy or
// errBusy.
func (q *quota) take(subject string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.byUser[subject] >= maxCallsPerUser:
		return errUserBusy
	case q.total >= maxCalls:
		return errBusy
	}
	if q.byUser == nil {
		q.byUser = make(map[string]int)
	}
	q.byUser[subject]++
	q.total++
	return nil
}

func (q *quota) giveBack(subject string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.total--
	if q.byUser[subject]--; q.byUser[subject] == 0 {
		delete(q.byUser, subject)
	}
}

// calls counts the running messages of streams. The zero value is ready to use.
type calls struct {
	quota quota

	mu       sync.Mutex
	byStream map[*stream]int
}

// begin takes a place; end gives it back.
func (c *calls) begin(st *stream) error {
	if err := c.quota.take(st.subject); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byStream == nil {
		c.byStream = make(map[*stream]int)
	}
	c.byStream[st]++
	return nil
}

func (c *calls) end(st *stream) {
	c.quota.giveBack(st.subject)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byStream[st]--; c.byStream[st] == 0 {
		delete(c.byStream, st)
	}
}

// running says whether the stream still owes an answer.
func (c *calls) running(st *stream) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byStream[st] > 0
}

// streams returns the streams with running calls.
func (c *calls) streams() []*stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	busy := make([]*stream, 0, len(c.byStream))
	for st := range c.byStream {
		busy = append(busy, st)
	}
	return busy
}
