package sse

import (
	"errors"
	"sync"
)

// A stream's messages run in goroutines of their own, so they are counted:
// nobody's client needs more, an attacker's would fill the memory, and one user
// must not take the places of all.
const (
	maxCalls        = 1024 // on this replica
	maxCallsPerUser = 64
)

var (
	errBusy     = errors.New("the server runs too many calls; try again")
	errUserBusy = errors.New("you run too many calls; wait for an answer")
)

// calls counts the running messages of streams. The zero value is ready to use.
type calls struct {
	mu       sync.Mutex
	total    int
	byUser   map[string]int
	byStream map[*stream]int
}

// begin takes a place; end gives it back.
func (c *calls) begin(st *stream) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.byUser[st.subject] >= maxCallsPerUser:
		return errUserBusy
	case c.total >= maxCalls:
		return errBusy
	}
	if c.byStream == nil {
		c.byStream, c.byUser = make(map[*stream]int), make(map[string]int)
	}
	c.byStream[st]++
	c.byUser[st.subject]++
	c.total++
	return nil
}

func (c *calls) end(st *stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total--
	if c.byStream[st]--; c.byStream[st] == 0 {
		delete(c.byStream, st)
	}
	if c.byUser[st.subject]--; c.byUser[st.subject] == 0 {
		delete(c.byUser, st.subject)
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
