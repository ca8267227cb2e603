package main

import (
	"strings"
	"testing"
)

func TestMust(t *testing.T) {
	for _, c := range []struct {
		m    must
		met  bool
		text string
	}{
		{must{name: "a", value: 3, atLeast: 3}, true, ">= 3"},
		{must{name: "a", value: 2.99, atLeast: 3}, false, ">= 3  missed"},
		{must{name: "a", value: 0.25, atMost: 0.25}, true, "<= 0.25"},
		{must{name: "a", value: 0.26, atMost: 0.25}, false, "<= 0.25  missed"},
		{must{name: "a", value: 0.01}, true, "-"},
	} {
		if row := c.m.row(); c.m.met() != c.met || !strings.HasSuffix(row, "  "+c.text) {
			t.Errorf("%+v: met %v, %q", c.m, c.m.met(), row)
		}
		if met := printMusts(&strings.Builder{}, []must{{name: "b"}, c.m, {name: "c"}}); met != c.met {
			t.Errorf("%+v among others: %v", c.m, met)
		}
	}
}

// A ratio is taken inside a round: here the machine is half as fast in one.
func TestFaster(t *testing.T) {
	table := []*measures{
		{name: nameOurs, perSecond: []float64{40, 20, 44}},
		{name: nameRaw, perSecond: []float64{10, 5, 10}},
	}
	if got := faster(table, nameRaw); got != 4 {
		t.Errorf("%v, want 4", got)
	}
	if got := median([]float64{1, 4, 2, 3}); got != 2.5 {
		t.Errorf("median %v, want 2.5", got)
	}
}

func TestReplacePart(t *testing.T) {
	text := "# Performance\n\nby hand\n"
	once := replacePart([]byte(text), "peers", []byte("first\n"))
	after := append(once, "more by hand\n"...)
	other := replacePart(after, "growth", []byte("grown\n"))
	twice := string(replacePart(other, "peers", []byte("second\n")))
	for _, want := range []string{text, "second", "more by hand", "grown"} {
		if !strings.Contains(twice, want) {
			t.Errorf("%q is missing in:\n%s", want, twice)
		}
	}
	if strings.Contains(twice, "first") || strings.Count(twice, "peers: generated, begin") != 1 {
		t.Errorf("the old part is still there:\n%s", twice)
	}
	if again := string(replacePart([]byte(twice), "peers", []byte("second\n"))); again != twice {
		t.Errorf("the same part changes the file:\n%s", again)
	}
}
