package tools

import (
	"context"
	"errors"
	"sync"
	"time"
)

// span is the context of one handler, and how its request waits for it. It ends
// with its parent, when its time is up, and when the handler is done. What it
// needs is made when it is asked for: most handlers never look at their context.
type span struct {
	parent context.Context
	detach func() bool // from the parent; nil if that never ends

	ended sync.WaitGroup // the request waits for it

	mu    sync.Mutex
	cause error              // why it has ended; nil before
	done  chan struct{}      // nil until somebody asks
	after map[*func()]func() // what runs at the end
}

// afterFuncer is a context that needs no goroutine to tell of its end
// (context.AfterFunc).
type afterFuncer interface {
	AfterFunc(f func()) (stop func() bool)
}

// begin is called once, before all else.
func (s *span) begin(parent context.Context) {
	s.parent = parent
	s.ended.Add(1)
	if parent.Done() == nil {
		return
	}
	leave := func() { s.end(parent.Err()) }
	if p, ok := parent.(afterFuncer); ok {
		s.detach = p.AfterFunc(leave)
	} else {
		s.detach = context.AfterFunc(parent, leave)
	}
}

// end ends the span and wakes the request. The first cause counts.
func (s *span) end(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause != nil {
		return
	}
	s.cause = cause
	if s.done != nil {
		close(s.done)
	}
	for _, f := range s.after {
		go f()
	}
	s.after = nil
	s.ended.Done()
}

// wait waits for the end and lets go of the parent.
func (s *span) wait() {
	s.ended.Wait()
	if s.detach != nil {
		s.detach()
	}
}

// endedBy says whether this is what ended the span.
func (s *span) endedBy(cause error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause == cause
}

// why is ErrOverdue if the time was up, else context.Canceled: the caller left.
func (s *span) why() error {
	s.mu.Lock()
	cause := s.cause
	s.mu.Unlock()
	if cause == nil {
		cause = s.parent.Err()
	}
	if errors.Is(cause, ErrOverdue) || errors.Is(cause, context.DeadlineExceeded) {
		return ErrOverdue
	}
	return context.Canceled
}

// Deadline implements context.Context. The handler's own time is not told: it
// stands still while a person is asked.
func (s *span) Deadline() (time.Time, bool) { return s.parent.Deadline() }

// Done implements context.Context.
func (s *span) Done() <-chan struct{} {
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
func (s *span) Err() error {
	s.mu.Lock()
	cause := s.cause
	s.mu.Unlock()
	switch {
	case cause == nil:
		return s.parent.Err() // which ends a moment before this does
	case errors.Is(cause, context.DeadlineExceeded):
		return cause
	}
	return context.Canceled
}

// Value implements context.Context.
func (s *span) Value(key any) any { return s.parent.Value(key) }

// AfterFunc is what the context package looks for in a context that is not its
// own, so that one derived from it costs no goroutine.
func (s *span) AfterFunc(f func()) (stop func() bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause != nil {
		go f()
		return func() bool { return false }
	}
	if s.after == nil {
		s.after = make(map[*func()]func())
	}
	key := &f
	s.after[key] = f
	return func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		_, waits := s.after[key]
		delete(s.after, key)
		return waits
	}
}
