package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// contestant is a server that takes part in a comparison.
type contestant struct {
	name string
	work string // what one request costs it, in words
	path string // of the endpoint
	// start runs it and says how to make requests.
	start func(*lab) (*target, error)
}

// target is a running contestant.
type target struct {
	*process
	path    string
	prepare func(n int) ([]string, error)
	ready   []request // that are sent in every round: their tokens are warm
}

// goPeer is a server of this program.
func goPeer(name string) func(*lab) (*target, error) {
	return func(l *lab) (*target, error) {
		return l.peer(name, func(addr, admin string) []string { return []string{l.self, "serve", name, addr, admin} })
	}
}

// nodePeer is a server of node/.
func nodePeer(script string) func(*lab) (*target, error) {
	return func(l *lab) (*target, error) {
		return l.peer(script, func(addr, admin string) []string {
			return []string{"node", filepath.Join(l.source, "node", script+".mjs"), addr, admin}
		})
	}
}

func (l *lab) peer(name string, command func(addr, admin string) []string) (*target, error) {
	addr, admin, err := freeAddresses()
	if err != nil {
		return nil, err
	}
	env := append(os.Environ(), "NODE_ENV=production")
	p, err := l.launch(name, addr, admin, env, command(addr.String(), admin.String())...)
	if err != nil {
		return nil, err
	}
	return &target{process: p, prepare: p.prepared}, nil
}

// measures are what the windows of one contestant gave, a value for each round.
type measures struct {
	name, work                        string
	rate                              float64 // of the last window, to know how many codes the next one needs
	perSecond, busy, micros, p50, p99 []float64
	memory                            float64 // MB, after the last window
}

// median of the rounds.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	switch n := len(sorted); {
	case n == 0:
		return 0
	case n%2 == 1:
		return sorted[n/2]
	default:
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
}

// course is what all contestants of a comparison run over.
type course struct {
	contestants []contestant
	// requests makes n of them from what the target prepared.
	requests func(t *target, n int) ([]request, error)
	once     bool
	expect   string
}

// contest runs the rounds: in each, every contestant has one window, so that a
// slow spell of the machine meets all of them. The first ones warm up and do not
// count.
func (l *lab) contest(c course) ([]*measures, error) {
	defer l.stopAll()
	targets := make([]*target, len(c.contestants))
	table := make([]*measures, len(c.contestants))
	for i, k := range c.contestants {
		t, err := k.start(l)
		if err != nil {
			return nil, err
		}
		t.path = k.path
		targets[i], table[i] = t, &measures{name: k.name, work: k.work}
	}
	for round := range warming + l.rounds {
		for i, t := range targets {
			if err := l.round(c, t, table[i], round >= warming); err != nil {
				return nil, fmt.Errorf("%s: %w", table[i].name, err)
			}
		}
	}
	l.idleHands(table)
	return table, nil
}

// warmUp is how many requests a window has ready at least.
const warmUp = 2000

// warming is how many rounds do not count. The first finds out how many codes a
// window takes, and is short where requests are used up; Node.js is still
// compiling in the second.
const warming = 2

// round is one window of one contestant.
func (l *lab) round(c course, t *target, m *measures, counts bool) error {
	requests, err := l.requests(c, t, m.rate)
	if err != nil {
		return err
	}
	profiled := l.profile(t.process, m.name, counts)
	got, used, err := l.drive(t.process, window{
		addr: t.addr, conns: l.conns, time: l.time, requests: requests, once: c.once, expect: c.expect,
	})
	if err := errors.Join(err, <-profiled); err != nil {
		return err
	}
	m.rate = got.perSecond()
	if !counts {
		return nil
	}
	return l.record(t, m, got, used)
}

// requests are the same ones in every round, or new ones if they are used up.
func (l *lab) requests(c course, t *target, rate float64) (requests []request, err error) {
	switch {
	case c.once: // as many codes as it may need, and some more
		return c.requests(t, warmUp+int(1.3*rate*l.time.Seconds()))
	case t.ready == nil:
		t.ready, err = c.requests(t, warmUp)
	}
	return t.ready, err
}

// record adds a window to the measures.
func (l *lab) record(t *target, m *measures, got outcome, used time.Duration) error {
	memory, err := t.memory()
	m.memory = float64(memory) / megabyte
	m.perSecond = append(m.perSecond, got.perSecond())
	m.busy = append(m.busy, used.Seconds()/got.elapsed.Seconds())
	m.micros = append(m.micros, used.Seconds()*1e6/float64(max(got.done, 1)))
	m.p50 = append(m.p50, got.quantile(0.50))
	m.p99 = append(m.p99, got.quantile(0.99))
	l.progress("%-28s %9.0f/s %7.1f us %6.2f ms p99", m.name, got.perSecond(), m.micros[len(m.micros)-1], got.quantile(0.99))
	return err
}

// profile takes a CPU profile of ours while a window runs, if it is asked for:
// where a promise is missed, it says why. The last window's stays.
func (l *lab) profile(p *process, name string, counts bool) <-chan error {
	done := make(chan error, 1)
	if l.profiles == "" || name != nameOurs || !counts {
		close(done)
		return done
	}
	go func() {
		profile, err := p.get("/debug/pprof/profile?seconds=" + strconv.Itoa(max(1, int(l.time.Seconds()))))
		if err == nil {
			err = os.WriteFile(filepath.Join(l.profiles, "ours-"+port(p.addr)+".prof"), profile, 0o600)
		}
		done <- err
	}()
	return done
}

// drive runs a window and measures the server's processor time in it.
func (l *lab) drive(p *process, w window) (got outcome, used time.Duration, err error) {
	before, err := p.cpu()
	if err != nil {
		return got, 0, err
	}
	if got, err = w.run(); err != nil {
		return got, 0, err
	}
	after, err := p.cpu()
	return got, after - before, err
}
