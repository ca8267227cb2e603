package sse

import "sync"

// laneCount spreads the running calls over locks.
const laneCount = 16

// running is the list of the calls that are being served. Entering and leaving
// it allocates nothing. The zero value is ready to use.
type running struct{ lanes [laneCount]lane }

// lane is a part of the list.
type lane struct {
	mu    sync.Mutex
	first *call
}

// add enters a call. spread is any number that varies.
func (r *running) add(c *call, spread uint64) {
	l := &r.lanes[spread%laneCount]
	c.place = l
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.next = l.first; c.next != nil {
		c.next.prev = c
	}
	l.first = c
}

// remove takes a call out. It is called once per call.
func (r *running) remove(c *call) {
	l := c.place
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		l.first = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.prev, c.next = nil, nil
}

// all copies the list: what is done to a call may take its lane's lock.
func (r *running) all() []*call {
	var calls []*call
	for i := range r.lanes {
		l := &r.lanes[i]
		l.mu.Lock()
		for c := l.first; c != nil; c = c.next {
			calls = append(calls, c)
		}
		l.mu.Unlock()
	}
	return calls
}
