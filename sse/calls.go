package sse

import (
	"errors"
	"sync"
)

// A stream's messages run in goroutines of their own, so they are counted:
// nobody's client needs more, and an attacker's would fill the memory.
const (
	maxCalls          = 1024 // on this replica
	maxCallsPerStream = 16
)

var (
	errBusy       = errors.New("the server runs too many calls; try again")
	errStreamBusy = errors.New("this stream runs too many calls; wait for an answer")
)

// calls counts the running messages of streams. The zero value is ready to use.
type calls struct {
	mu       sync.Mutex
	total    int
	byStream map[*stream]int
}

// begin takes a place; end gives it back.
func (c *calls) begin(st *stream) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.byStream[st] >= maxCallsPerStream:
		return errStreamBusy
	case c.total >= maxCalls:
		return errBusy
	}
	if c.byStream == nil {
		c.byStream = make(map[*stream]int)
	}
	c.byStream[st]++
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
