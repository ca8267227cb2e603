package tools

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestSpan: a span is a context like those of the standard library, whatever it
// descends from and whatever descends from it.
func TestSpan(t *testing.T) {
	type key struct{}
	cause := errors.New("cause")
	base, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, 1))
	defer cancel()
	for name, tt := range map[string]struct {
		end  func(top, middle *Span)
		want bool
	}{
		"nothing":      {func(_, _ *Span) {}, false},
		"itself":       {func(_, middle *Span) { middle.End(cause) }, true},
		"its parent":   {func(top, _ *Span) { top.End(cause) }, true},
		"a foreigner":  {func(_, _ *Span) { cancel() }, true},
		"it, and more": {func(top, middle *Span) { top.End(cause); middle.End(cause); cancel() }, true},
	} {
		t.Run(name, func(t *testing.T) {
			base, cancel = context.WithCancel(context.WithValue(t.Context(), key{}, 1))
			defer cancel()
			var top, middle, late Span
			top.Begin(base)
			middle.Begin(&top)
			below, stop := context.WithTimeout(&middle, time.Hour)
			defer stop()
			ran, spared := make(chan struct{}), func() { t.Error("a function ran that was stopped") }
			context.AfterFunc(&middle, func() { close(ran) })
			if !context.AfterFunc(&middle, spared)() {
				t.Error("not stopped")
			}
			if below.Err() != nil || middle.Value(key{}) != 1 {
				t.Fatalf("before: got %v, %v", below.Err(), middle.Value(key{}))
			}
			tt.end(&top, &middle)
			late.Begin(&middle)
			if !tt.want {
				if middle.Err() != nil || late.Err() != nil || below.Err() != nil {
					t.Errorf("ended: %v, %v, %v", middle.Err(), late.Err(), below.Err())
				}
				return
			}
			for _, c := range []context.Context{&middle, below, &late} {
				<-c.Done()
				if c.Err() != context.Canceled {
					t.Errorf("got %v", c.Err())
				}
			}
			<-ran
		})
	}
}

// TestSpanLeaves: a child that has ended is forgotten by its parent, which may
// live for long.
func TestSpanLeaves(t *testing.T) {
	var top Span
	top.Begin(context.Background())
	children := make([]Span, 5)
	for i := range children {
		children[i].Begin(&top)
	}
	for _, i := range []int{2, 0, 4, 3, 1} {
		children[i].End(errDone)
		children[i].End(errDone)
	}
	stop := context.AfterFunc(&top, func() {})
	if !stop() || stop() || top.first != nil {
		t.Error("the parent remembers its children")
	}
}

// TestSpanDeadline: a deadline above is told apart from a caller that left.
func TestSpanDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var s Span
		s.Begin(ctx)
		if err := s.wait(); endedBy(err) != ErrOverdue || s.Err() != context.DeadlineExceeded {
			t.Errorf("got %v, %v", err, s.Err())
		}
	})
}

// TestSpanRace: whoever comes first ends it, and a function runs or is stopped,
// never both.
func TestSpanRace(t *testing.T) {
	for range 200 {
		var top, child Span
		top.Begin(context.Background())
		child.Begin(&top)
		var ran atomic.Int32
		var all, stopped sync.WaitGroup
		stopped.Add(1)
		stop := child.AfterFunc(func() { ran.Add(1); stopped.Done() })
		all.Go(func() { top.End(context.Canceled) })
		all.Go(func() { child.End(errDone) })
		all.Go(func() {
			if stop() {
				ran.Add(1)
				stopped.Done()
			}
		})
		all.Wait()
		stopped.Wait()
		if ran.Load() != 1 || child.wait() == nil || top.first != nil || child.first != nil {
			t.Fatalf("ran %d times, ended by %v", ran.Load(), child.why())
		}
	}
}
