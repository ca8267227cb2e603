package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// section is one table of the report, as Markdown.
type section struct {
	title, note string
	plot        string // file beside the page, "" for none
	header      []string
	rows        [][]string
}

func (s section) write(w io.Writer) {
	fmt.Fprintf(w, "### %s\n\n", s.title)
	if s.note != "" {
		fmt.Fprintf(w, "%s\n\n", s.note)
	}
	if s.plot != "" {
		fmt.Fprintf(w, "![%s](%s)\n\n", s.title, s.plot)
	}
	line := func(cells []string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }
	line(s.header)
	fmt.Fprintf(w, "|%s\n", strings.Repeat("---|", len(s.header)))
	for _, row := range s.rows {
		line(row)
	}
	fmt.Fprintln(w)
}

func number(v float64) string {
	switch {
	case math.Abs(v) >= 100:
		return thousands(int(math.Round(v)))
	case math.Abs(v) >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}

// busyEnough is the share of its core below which a server had to wait for
// something else than its own work.
const busyEnough = 0.85

// idleHands warns of a run on a machine that had other things to do: the load
// generator or somebody else was the limit, not the servers.
func (l *lab) idleHands(table []*measures) {
	for _, m := range table {
		if busy := median(m.busy); busy < busyEnough {
			l.progress("warning: %s could use only %.0f %% of its core; repeat this on an idle machine", m.name, 100*busy)
		}
	}
}

// contestSection shows what the rounds gave, as medians.
func contestSection(title, note string, table []*measures) section {
	s := section{title: title, note: note, header: []string{
		"server", "req/s", "ours is", "core used", "CPU us/req", "p50 ms", "p99 ms", "RSS MB", "work of a request"}}
	for _, m := range table {
		s.rows = append(s.rows, []string{
			m.name, number(median(m.perSecond)), number(faster(table, m.name)) + "x",
			fmt.Sprintf("%.0f %%", 100*median(m.busy)), number(median(m.micros)),
			number(median(m.p50)), number(median(m.p99)), number(m.memory), m.work})
	}
	return s
}

func streamSection(title string, table []*idle) section {
	s := section{title: title, header: []string{
		"server", "streams", "KiB each", "RSS MB", "goroutines each", "core while idle", "CPU us to open", "closed peers noticed", "what it holds"}}
	for _, r := range table {
		notice := fmt.Sprintf("%.2f s", r.notice.Seconds())
		if r.notice >= noticeLimit {
			notice = "not within " + noticeLimit.String()
		}
		s.rows = append(s.rows, []string{
			r.name, thousands(r.streams), number(r.perStream), number(r.resident), number(r.goroutines),
			fmt.Sprintf("%.1f %%", 100*r.cpu), number(r.opening), notice, r.work})
	}
	return s
}

func siegeSection(s *siege) section {
	return section{
		title:  "Half of it garbage",
		note:   "A bad request after every good one, over the same connections. The bad tokens, in turn: " + s.kinds + ".",
		header: []string{"load", "good req/s", "p99 of good ms", "RSS MB"},
		rows: [][]string{
			{"good requests only", number(median(s.calmRate)), number(median(s.calm)), number(s.before)},
			{"50 % garbage", number(median(s.rate)), number(median(s.under)), number(s.memory)},
		},
	}
}

func mustSection(musts []must) section {
	s := section{title: "Promises", header: []string{"name", "ratio", "must", ""}}
	for _, m := range musts {
		verdict := "met"
		switch {
		case m.bound() == "-":
			verdict = ""
		case !m.met():
			verdict = "**missed**"
		}
		s.rows = append(s.rows, []string{m.name, fmt.Sprintf("%.3f", m.value), m.bound(), verdict})
	}
	return s
}

// conditions says under which the figures were taken.
func (l *lab) conditions() string {
	return fmt.Sprintf("One core for the server, one for the load; %d connections, %d rounds of %v for each server, interleaved, after two to warm up; medians. Taken %s.",
		l.conns, l.rounds, l.time, time.Now().UTC().Format(time.DateOnly))
}
