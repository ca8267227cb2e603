package tools

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Span is a context that costs next to nothing until somebody looks at it, which
// most handlers never do: it makes no channel unless it is asked for one, and one
// that descends from another is a place in a list. It has to be begun before
// anything else, ended, and not copied.
type Span struct {
	parent   context.Context
	detach   func() bool // from a parent that is no Span; nil if that never ends
	finished sync.WaitGroup

	mu    sync.Mutex
	cause error         // why it has ended; nil before
	done  chan struct{} // nil until somebody asks
	then  func()        // runs at the end, on a goroutine of its own
	first *Span         // of its children

	// The place among the children of up, under its lock.
	up         *Span
	prev, next *Span
}

// Begin begins a span that ends with its parent. It is called once.
func (s *Span) Begin(parent context.Context) {
	s.parent = parent
	s.finished.Add(1)
	if up, ok := parent.(*Span); ok {
		up.adopt(s)
		return
	}
	if parent.Done() == nil {
		return
	}
	detach := context.AfterFunc(parent, func() { s.End(parent.Err()) })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.detach = detach
}

// adopt makes s end with up, at once if that is over.
func (up *Span) adopt(s *Span) {
	up.mu.Lock()
	cause := up.cause
	if cause == nil {
		s.up, s.next = up, up.first
		if s.next != nil {
			s.next.prev = s
		}
		up.first = s
	}
	up.mu.Unlock()
	if cause != nil {
		s.End(cause)
	}
}

// leave takes s out of its parent's list; again is no harm.
func (up *Span) leave(s *Span) {
	up.mu.Lock()
	defer up.mu.Unlock()
	switch {
	case s.prev != nil:
		s.prev.next = s.next
	case up.first == s:
		up.first = s.next
	default:
		return
	}
	if s.next != nil {
		s.next.prev = s.prev
	}
	s.prev, s.next = nil, nil
}

// End ends the span and all that descend from it. The first cause counts, and
// must not be nil.
func (s *Span) End(cause error) {
	if !s.over(cause) {
		return
	}
	if s.up != nil {
		s.up.leave(s)
	}
	for child := s.child(); child != nil; child = s.child() {
		child.End(cause)
		s.leave(child) // which ended before this told it to
	}
	if s.then != nil {
		go s.then()
	}
	s.finished.Done()
}

// over notes the cause; false if there was one.
func (s *Span) over(cause error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause != nil {
		return false
	}
	s.cause = cause
	if s.done != nil {
		close(s.done)
	}
	if s.detach != nil {
		s.detach()
	}
	return true
}

func (s *Span) child() *Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.first
}

// wait waits for the end and returns its cause.
func (s *Span) wait() error {
	s.finished.Wait()
	return s.why()
}

// why is the cause of the end; nil before.
func (s *Span) why() error {
	s.mu.Lock()
	cause := s.cause
	s.mu.Unlock()
	if cause == nil {
		return s.parent.Err() // which ends a moment before this does
	}
	return cause
}

// Deadline implements context.Context. The handler's own time is not told: it
// stands still while a person is asked.
func (s *Span) Deadline() (time.Time, bool) { return s.parent.Deadline() }

// Done implements context.Context.
func (s *Span) Done() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done == nil {
		s.done = make(chan struct{})
		if s.cause != nil {
			close(s.done)
		}
	}
	return s.done
}

// Err implements context.Context.
func (s *Span) Err() error {
	switch cause := s.why(); {
	case cause == nil || errors.Is(cause, context.DeadlineExceeded):
		return cause
	}
	return context.Canceled
}

// Value implements context.Context.
func (s *Span) Value(key any) any { return s.parent.Value(key) }

// errStopped ends a span whose end is to have no effect.
var errStopped = errors.New("stopped")

// AfterFunc is what the context package looks for in a context that is not its
// own, so that one derived from it costs no goroutine.
func (s *Span) AfterFunc(f func()) (stop func() bool) {
	last := &Span{then: f}
	last.Begin(s)
	return func() bool {
		if !last.over(errStopped) {
			return false
		}
		s.leave(last)
		return true
	}
}
