package tools

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// clocked notes when its time was up.
type clocked struct {
	limit
	start time.Time
	after time.Duration
}

func (c *clocked) giveUp() { c.after = time.Since(c.start) }

// TestLimits: each handler has its own time, to the moment, and the time that it
// waits for a person does not count.
func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const second = time.Second
		var list limits
		begin := func() *clocked {
			c := &clocked{start: time.Now()}
			c.limit.start(&list, 30*second, c)
			return c
		}
		first := begin()
		time.Sleep(10 * second)
		second10 := begin()
		asks := begin()
		early := begin()
		asks.pause()
		asks.pause()
		time.Sleep(5 * second)
		early.stop()
		asks.resume()
		time.Sleep(5 * second)
		asks.resume() // 10 s later, with all of its 30 s
		late := begin()
		time.Sleep(time.Hour)
		late.pause() // a handler that goes on after its time has none
		late.resume()
		time.Sleep(time.Hour)
		synctest.Wait()
		got := []time.Duration{first.after, second10.after, asks.after, early.after, late.after}
		want := []time.Duration{30 * second, 30 * second, 40 * second, 0, 30 * second}
		if !slices.Equal(got, want) || list.first != nil || list.last != nil {
			t.Errorf("got %s, want %s; left %v", got, want, list.first)
		}
	})
}

// TestLimitOrder: whoever has waited has less time left than those who begin, and
// takes a place before them; any of them can leave.
func TestLimitOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var list limits
		var all []*clocked
		for range 4 {
			c := &clocked{start: time.Now()}
			c.limit.start(&list, time.Minute, c)
			all = append(all, c)
			time.Sleep(time.Second)
		}
		for _, i := range []int{0, 2, 3} {
			all[i].pause()
		}
		time.Sleep(5 * time.Second)
		for _, i := range []int{3, 0, 2} {
			all[i].resume()
		}
		all[2].stop()
		var left []string
		for l := list.first; l != nil; l = l.next {
			left = append(left, fmt.Sprint(time.Until(l.due).Round(time.Second)))
		}
		if want := []string{"52s", "56s", "59s"}; !slices.Equal(left, want) {
			t.Errorf("got %v, want %v", left, want)
		}
		for _, c := range all {
			c.stop()
			c.stop()
		}
		if list.first != nil || list.last != nil {
			t.Error("somebody is left")
		}
	})
}
