package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// The sizes that cost is followed over.
var (
	growingConns    = []int{1, 16, 256, 2000}
	growingUsers    = []int{1, 100, 2_000, 20_000, 100_000}
	growingStreams  = []int{1_000, 5_000, 10_000, 19_000}
	growingReplicas = []int{1, 2, 3, 4}
)

// growth measures the product alone while one thing grows. It promises nothing:
// the tables show whether processor time per request stays flat.
func (l *lab) growth(f flags) ([]section, []must, error) {
	if f.quick {
		growingConns, growingUsers, growingStreams, growingReplicas = []int{1, 256}, []int{1, 20_000}, []int{500, 1_000}, []int{1, 2}
		f.soak = min(f.soak, 20*time.Second)
	}
	var sections []section
	for _, part := range []func() (section, error){
		l.growConns, l.growUsers, l.growStreams, l.growReplicas, func() (section, error) { return l.soak(f.soak) },
	} {
		s, err := part()
		if err != nil {
			return sections, nil, err
		}
		sections = append(sections, s)
	}
	return sections, nil, nil
}

// load is one kind of request to the product.
type load struct {
	name     string
	start    func(*lab) (*target, error)
	path     string
	requests func(t *target, n int) ([]request, error)
	once     bool
	expect   string
}

var (
	callLoad  = load{"tools/call", oursCall, "/mcp", callRequests, false, "hello"}
	tokenLoad = load{"POST /token", oursToken, "/token", tokenRequests, true, `"access_token"`}
)

// The floors are the same requests with next to nothing behind them: what becomes
// of their cost is the machine's doing.
var (
	callFloor  = load{nameStatic, goPeer("static"), "/mcp", callRequests, false, "hello"}
	tokenFloor = load{nameRaw, rawToken, "/token", tokenRequests, true, `"access_token"`}
)

// steady is what one window gave.
type steady struct {
	outcome
	used time.Duration
}

// micros is the processor time of a request.
func (s steady) micros() float64 { return s.used.Seconds() * 1e6 / float64(max(s.done, 1)) }

func (s steady) cells() []string {
	return []string{
		number(s.perSecond()), number(s.micros()),
		number(s.quantile(0.50)), number(s.quantile(0.99)),
	}
}

// pair is what one round gave of ours and of the floor.
type pair struct{ got, floor steady }

// times is how much processor time a request takes of that of the floor.
func (p pair) times() float64 { return p.got.micros() / p.floor.micros() }

func (p pair) cells() []string {
	return append(p.got.cells(), number(p.floor.micros()), number(p.times()))
}

var pairHeader = []string{"floor, CPU us/req", "x floor"}

// besideRounds is how often ours and the floor take turns.
const besideRounds = 3

// beside measures ours and the floor in turn and returns the round in the middle,
// by how many times the floor ours is: a slow spell of the machine meets one round.
func (l *lab) beside(ours, floor func() (steady, error)) (pair, error) {
	rounds := make([]pair, min(besideRounds, l.rounds))
	for i := range rounds {
		var err error
		if rounds[i].got, err = ours(); err != nil {
			return pair{}, err
		}
		if rounds[i].floor, err = floor(); err != nil {
			return pair{}, fmt.Errorf("the floor: %w", err)
		}
	}
	slices.SortFunc(rounds, func(a, b pair) int { return cmp.Compare(a.times(), b.times()) })
	return rounds[len(rounds)/2], nil
}

var steadyHeader = []string{"req/s", "CPU us/req", "p50 ms", "p99 ms"}

// firstSight is ample for one call with a token that was not seen before.
const firstSight = 150 * time.Microsecond

// once runs a short window to warm up and then one that counts. n is how many
// requests a load that repeats them has; one with codes gets as many as it needs.
func (l *lab) once(d load, t *target, conns, n int, used func() (time.Duration, error)) (steady, error) {
	var s steady
	var requests []request
	warm := l.time / 3
	if !d.once { // time to see each token for the first time, which is to open it
		warm = max(warm, time.Duration(n)*firstSight)
	}
	for _, length := range []time.Duration{warm, l.time} {
		if d.once {
			n = conns + warmUp + int(1.3*s.perSecondOr(5000)*length.Seconds())
		}
		if d.once || requests == nil {
			var err error
			if requests, err = d.requests(t, n); err != nil {
				return s, err
			}
		}
		before, err := used()
		if err != nil {
			return s, err
		}
		w := window{addr: t.addr, conns: conns, time: length, requests: requests, once: d.once, expect: d.expect}
		if s.outcome, err = w.run(); err != nil {
			return s, err
		}
		after, err := used()
		if err != nil {
			return s, err
		}
		s.used = after - before
	}
	return s, nil
}

func (s steady) perSecondOr(guess float64) float64 {
	if s.done == 0 {
		return guess
	}
	return s.perSecond()
}

func (l *lab) growConns() (section, error) {
	s := section{
		title:  "More connections",
		note:   "Beside each figure that of its floor, measured in the next window: " + nameStatic + " for calls, " + nameRaw + " for tokens. Of three such rounds the one in the middle.",
		header: slices.Concat([]string{"request", "connections"}, steadyHeader, pairHeader),
	}
	for _, loads := range [][2]load{{callLoad, callFloor}, {tokenLoad, tokenFloor}} {
		if err := l.growConnsOf(loads[0], loads[1], &s); err != nil {
			return s, fmt.Errorf("%s: %w", loads[0].name, err)
		}
	}
	return s, nil
}

func (l *lab) growConnsOf(d, floor load, s *section) error {
	return l.with(d, func(t *target) error {
		f, err := floor.start(l)
		if err != nil {
			return err
		}
		f.path = floor.path
		for _, n := range growingConns {
			p, err := l.beside(
				func() (steady, error) { return l.once(d, t, n, callTokens, t.cpu) },
				func() (steady, error) { return l.once(floor, f, n, callTokens, f.cpu) })
			if err != nil {
				return fmt.Errorf("%d connections: %w", n, err)
			}
			s.rows = append(s.rows, slices.Concat([]string{d.name, thousands(n)}, p.cells()))
			l.progress("%s, %d connections: %.0f/s, %.2f x floor", d.name, n, p.got.perSecond(), p.times())
		}
		return nil
	})
}

// with runs a server for a while.
func (l *lab) with(d load, use func(*target) error) error {
	defer l.stopAll()
	t, err := d.start(l)
	if err != nil {
		return err
	}
	t.path = d.path
	return use(t)
}

func (l *lab) growUsers() (section, error) {
	s := section{
		title:  "More users",
		note:   "Each user has a token, and they take turns: with more tokens than the cache of verified ones holds, each call opens its token.",
		header: append([]string{"users"}, append(slices.Clone(steadyHeader), "RSS MB")...),
	}
	for _, n := range growingUsers {
		err := l.with(callLoad, func(t *target) error {
			got, err := l.once(callLoad, t, l.conns, n, t.cpu)
			if err != nil {
				return fmt.Errorf("%d users: %w", n, err)
			}
			memory, err := t.memory()
			s.rows = append(s.rows, append(append([]string{thousands(n)}, got.cells()...), number(float64(memory)/megabyte)))
			l.progress("%d users: %.0f/s", n, got.perSecond())
			return err
		})
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

func (l *lab) growStreams() (section, error) {
	var table []*idle
	for _, n := range growingStreams {
		row, err := l.idle(streamContestants[0].contestant, streamContestants[0].session, n)
		if err != nil {
			return section{}, fmt.Errorf("%d streams: %w", n, err)
		}
		table = append(table, row)
	}
	return streamSection("More streams", table), nil
}

// soak keeps both loads up for a long time: memory must not grow.
func (l *lab) soak(length time.Duration) (section, error) {
	s := section{
		title:  "A steady load",
		note:   "Tool calls of 2,000 users and one-time codes in turn, one server, " + length.String() + " in all.",
		header: []string{"minute", "tools/call per second", "POST /token per second", "RSS MB"},
	}
	defer l.stopAll()
	o, err := l.startOurs()
	if err != nil {
		return s, err
	}
	tokens, err := o.bearers(callTokens) // users come again with the token they have
	if err != nil {
		return s, err
	}
	calls := &target{process: o.process, path: callLoad.path, prepare: func(int) ([]string, error) { return tokens, nil }}
	codes := &target{process: o.process, path: tokenLoad.path, prepare: o.forms}
	start := time.Now()
	for lap := 0; time.Since(start) < length; lap++ {
		call, err := l.once(callLoad, calls, l.conns, callTokens, o.cpu)
		if err != nil {
			return s, err
		}
		token, err := l.once(tokenLoad, codes, l.conns, 0, o.cpu)
		if err != nil {
			return s, err
		}
		memory, err := o.memory()
		if err != nil {
			return s, err
		}
		s.rows = append(s.rows, []string{
			fmt.Sprintf("%.1f", time.Since(start).Minutes()),
			number(call.perSecond()), number(token.perSecond()), number(float64(memory) / megabyte),
		})
		l.progress("%v: %.1f MB", time.Since(start).Round(time.Second), float64(memory)/megabyte)
	}
	s.rows = thin(s.rows, 12)
	return s, nil
}

// thin keeps about n rows, the first and the last among them.
func thin(rows [][]string, n int) [][]string {
	if len(rows) <= n {
		return rows
	}
	var kept [][]string
	for i := range n {
		kept = append(kept, rows[i*(len(rows)-1)/(n-1)])
	}
	return kept
}
