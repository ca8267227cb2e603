package redisguard

import (
	"strconv"
	"testing"
	"time"
)

func TestBreaker(t *testing.T) {
	now := time.Unix(1e9, 0)
	b := breaker{now: func() time.Time { return now }}
	check := func(what string, got, want bool) {
		t.Helper()
		if got != want {
			t.Fatalf("%s: %v, want %v", what, got, want)
		}
	}
	for i := range tripAfter {
		check("closed", b.allow(), true)
		check("opened", b.failure(), i == tripAfter-1)
	}
	check("open", b.allow(), false)
	now = now.Add(openTime - 1)
	check("still open", b.allow(), false)
	now = now.Add(1)
	check("one trial", b.allow(), true)
	check("but one", b.allow(), false)
	check("opened again, not anew", b.failure(), false)
	check("open again", b.allow(), false)
	now = now.Add(openTime)
	check("a trial", b.allow(), true)
	b.abandon()
	check("a trial instead", b.allow(), true)
	check("closes", b.success(), true)
	check("closed", b.allow(), true)
	check("was closed", b.success(), false)
	for range tripAfter - 1 {
		b.failure()
	}
	b.success()
	check("only failures in a row count", b.failure(), false)
	check("closed", b.allow(), true)
}

func TestDoubtsAreBounded(t *testing.T) {
	now := time.Unix(1e9, 0)
	d := doubts{now: func() time.Time { return now }}
	for i := range maxDoubts + 10 {
		d.add(strconv.Itoa(i), "value", now.Add(time.Minute))
	}
	if len(d.byKey) != maxDoubts {
		t.Fatalf("%d are kept", len(d.byKey))
	}
	now = now.Add(time.Minute)
	d.add("new", "value", now.Add(time.Minute))
	if len(d.byKey) != 1 {
		t.Fatalf("%d are kept after all but one are over", len(d.byKey))
	}
	d.add("new", "second", now.Add(time.Minute))
	if value, _ := d.find("new"); value != "value" {
		t.Errorf("a second value replaced the first: %q", value)
	}
	if d.settle("new", "second") || !d.settle("new", "value") || d.settle("new", "value") {
		t.Error("the doubt is not settled exactly once, by its value")
	}
}
