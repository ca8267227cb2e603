package main

import (
	"fmt"
	"io"
	"strings"
)

// must is one promise: a ratio, or a figure, and its bound.
type must struct {
	name  string
	value float64
	atMost,
	atLeast float64 // one of them; neither: the row is only told
}

func (m must) met() bool {
	return (m.atMost == 0 || m.value <= m.atMost) && (m.atLeast == 0 || m.value >= m.atLeast)
}

// bound is the promise in words.
func (m must) bound() string {
	switch {
	case m.atMost != 0:
		return fmt.Sprintf("<= %g", m.atMost)
	case m.atLeast != 0:
		return fmt.Sprintf(">= %g", m.atLeast)
	default:
		return "-"
	}
}

func (m must) row() string {
	word := ""
	if !m.met() {
		word = "  missed"
	}
	return fmt.Sprintf("%-58s %8.3f  %s%s", m.name, m.value, m.bound(), word)
}

// printMusts writes the rows and reports whether all are met.
func printMusts(w io.Writer, musts []must) bool {
	all := true
	fmt.Fprintf(w, "%-58s %8s  %s\n", "name", "ratio", "must")
	for _, m := range musts {
		fmt.Fprintln(w, m.row())
		all = all && m.met()
	}
	return all
}

// byName finds a contestant's measures. All names are constants of this program.
func byName(table []*measures, name string) *measures {
	for _, m := range table {
		if m.name == name {
			return m
		}
	}
	panic("no contestant " + name) // a mistake in this program
}

// faster is how many times the rate of another contestant ours is: the median
// over the rounds of the ratio inside each, because a slow spell of the machine
// meets both.
func faster(table []*measures, other string) float64 {
	return median(ratios(byName(table, nameOurs).perSecond, byName(table, other).perSecond))
}

func ratios(a, b []float64) []float64 {
	var all []float64
	for i := range a {
		all = append(all, a[i]/b[i])
	}
	return all
}

func tokenMusts(table []*measures) []must {
	best := ""
	for _, m := range table {
		if m.name == nameOurs || m.name == nameRaw {
			continue
		}
		if best == "" || median(m.p99) < median(byName(table, best).p99) {
			best = m.name
		}
	}
	ours := byName(table, nameOurs)
	return []must{
		{name: "token: ours / " + nameGoOAuth2, value: faster(table, nameGoOAuth2), atLeast: 3},
		{name: "token: ours / " + nameFosite, value: faster(table, nameFosite), atLeast: 4},
		{name: "token: ours / " + nameProvider, value: faster(table, nameProvider), atLeast: 6},
		{name: "token: ours / " + nameZitadel, value: faster(table, nameZitadel), atLeast: 9},
		{name: "token: ours / " + nameZitadel2, value: faster(table, nameZitadel2)},
		{name: "token: p99 of ours / of " + best, value: median(ours.p99) / median(byName(table, best).p99), atMost: 0.25},
		{name: "token: ours / " + nameRaw, value: faster(table, nameRaw), atLeast: 0.70},
		{name: "token: resident MB of ours under load", value: ours.memory, atMost: 25},
	}
}

func callMusts(table []*measures) []must {
	return []must{
		{name: "call: ours / " + nameStatic, value: faster(table, nameStatic), atLeast: 0.70},
		{name: "call: ours / " + nameMCPGo, value: faster(table, nameMCPGo), atLeast: 10},
		{name: "call: ours / " + nameGoSDK, value: faster(table, nameGoSDK), atLeast: 15},
		{name: "call: ours / " + nameTSSDK, value: faster(table, nameTSSDK), atLeast: 40},
		{name: "call: ours / " + nameMCPGoMap, value: faster(table, nameMCPGoMap)},
		{name: "call: ours / " + nameGoSDKMap, value: faster(table, nameGoSDKMap)},
	}
}

// leastGrowth is the resident memory that counts as the same: the collector's
// own swing, in MB.
const leastGrowth = 8

func siegeMusts(s *siege) []must {
	return []must{
		{name: "garbage: p99 of good requests, under 50 % / without", value: median(s.under) / median(s.calm), atMost: 1.25},
		{name: "garbage: resident MB more than without", value: s.memory - s.before, atMost: leastGrowth},
	}
}

func streamMusts(table []*idle) []must {
	var musts []must
	for _, row := range table {
		if !strings.HasPrefix(row.name, nameOurs) {
			continue
		}
		musts = append(musts,
			must{name: row.name + ": KiB of a stream", value: row.perStream, atMost: 2},
			must{name: row.name + ": goroutines of a stream", value: row.goroutines, atMost: 0.001},
			must{name: row.name + ": seconds to notice closed peers", value: row.notice.Seconds(), atMost: 1})
	}
	return musts
}

func manyMusts(row *idle) []must {
	return []must{
		{name: fmt.Sprintf("%d streams: resident MB", row.streams), value: row.resident, atMost: 50},
		{name: fmt.Sprintf("%d streams: %% of a core while idle", row.streams), value: 100 * row.cpu, atMost: 5},
	}
}
