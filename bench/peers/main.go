// Command mcp-oauth-server/bench/peers measures the server side by side with
// others that do the same work, and says whether it keeps its promises.
//
//	token.go    POST /token, the authorization code grant with one-time codes
//	call.go     tools/call with a bearer token
//	garbage.go  good requests while half of the load is garbage
//	stream.go   idle event streams, and crowd.go, their clients
//	growth.go   how cost grows with connections, users, streams and time (-growth);
//	            replicas.go with replicas behind nginx
//
// One core is the servers', another one the load's. A contest starts all its
// servers (contest.go, process.go) and gives each a short window in turn, round
// by round; what counts is the ratio inside a round. The load generator
// (load.go, answer.go) sends prepared requests and checks every answer. Each
// peer is one file that says what work it does: peer_*.go, node/*.mjs; the
// product is the real binary with its guards on (ours.go).
//
// The last lines of the output are `name ratio must` rows. Exit 1: a must is
// missed. Exit 2: the measurement did not come about.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// flags are the command line.
type flags struct {
	server, docs, only, profiles string
	quick, growth                bool
	serverCPU, loadCPU           int
	soak                         time.Duration
}

func main() {
	if len(os.Args) == 5 && os.Args[1] == "serve" {
		fail(serve(os.Args[2], os.Args[3], os.Args[4]))
	}
	var f flags
	flag.StringVar(&f.server, "server", "", "measure this `binary` instead of one built from the repository")
	flag.StringVar(&f.docs, "docs", "", "also write the tables of this run and its plots into this `directory`")
	flag.StringVar(&f.only, "only", "token,call,garbage,streams,many", "`parts` to run, separated by commas")
	flag.StringVar(&f.profiles, "profile", "", "write CPU profiles of ours into this `directory`")
	flag.BoolVar(&f.quick, "quick", false, "short windows, one round, fewer streams: to see that it works")
	flag.BoolVar(&f.growth, "growth", false, "measure how cost grows instead; a table and no musts")
	flag.DurationVar(&f.soak, "soak", 10*time.Minute, "length of the steady load of -growth")
	flag.IntVar(&f.serverCPU, "server-cpu", 0, "`core` of the servers")
	flag.IntVar(&f.loadCPU, "load-cpu", 1, "`core` of the load")
	flag.Parse()
	met, err := run(f)
	fail(err)
	if !met {
		os.Exit(1)
	}
}

// fail ends a run that has no result.
func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(2)
	}
}

// run measures and prints. It reports whether all musts are met.
func run(f flags) (met bool, err error) {
	l, err := newLab(f)
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(l.dir) //nolint:errcheck // a temporary directory
	defer l.stopAll()
	report := l.promises
	part := "peers"
	if f.growth {
		report, part = l.growth, "growth"
	}
	sections, musts, err := report(f)
	for _, s := range sections {
		s.write(os.Stdout)
	}
	if err != nil {
		return false, err
	}
	if f.docs != "" {
		if len(musts) > 0 {
			sections = append(sections, mustSection(musts))
		}
		if err := writeDocs(f.docs, part, sections); err != nil {
			return false, err
		}
	}
	if len(musts) == 0 {
		return true, nil
	}
	return printMusts(os.Stdout, musts), nil
}

// newLab prepares the place: binaries, cores, sizes.
func newLab(f flags) (*lab, error) {
	source, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "mcp-oauth-server-peers-")
	if err != nil {
		return nil, err
	}
	l := &lab{
		source: source, dir: dir, serverCPU: f.serverCPU, loadCPU: f.loadCPU, profiles: f.profiles,
		rounds: 5, conns: 16, time: 3 * time.Second, settle: time.Second, idleTime: 15 * time.Second,
		idleStreams: 10_000, manyStreams: 19_000,
	}
	if f.quick {
		l.rounds, l.time, l.idleTime, l.idleStreams, l.manyStreams = 1, time.Second, 5*time.Second, 1000, 2000
	}
	err = l.cores()
	if err == nil {
		err = l.build(f.server)
	}
	if err != nil {
		os.RemoveAll(dir) //nolint:errcheck // a temporary directory
		return nil, err
	}
	runtime.GOMAXPROCS(2) // the waiting for servers beside the one thread of the load
	return l, l.pin()
}

// promises runs the parts that musts are about.
func (l *lab) promises(f flags) (sections []section, musts []must, err error) {
	parts := []struct {
		name string
		run  func(docs string) (section, []must, error)
	}{
		{"token", l.tokenPart}, {"call", l.callPart}, {"garbage", l.garbagePart}, {"streams", l.streamPart}, {"many", l.manyPart},
	}
	for _, part := range parts {
		if !strings.Contains(","+f.only+",", ","+part.name+",") {
			continue
		}
		l.progress("%s", part.name)
		s, m, err := part.run(f.docs)
		if err != nil {
			return sections, nil, fmt.Errorf("%s: %w", part.name, err)
		}
		sections, musts = append(sections, s), append(musts, m...)
	}
	return sections, musts, nil
}

func (l *lab) tokenPart(docs string) (section, []must, error) {
	table, err := l.tokens()
	if err != nil {
		return section{}, nil, err
	}
	s := contestSection("POST /token", l.conditions(), table)
	if docs != "" {
		s.plot = "performance-token.svg"
		err = drawContest(docs, s.plot, "POST /token, authorization code grant", table)
	}
	return s, tokenMusts(table), err
}

func (l *lab) callPart(docs string) (section, []must, error) {
	table, err := l.calls()
	if err != nil {
		return section{}, nil, err
	}
	s := contestSection("tools/call", l.conditions(), table)
	if docs != "" {
		s.plot = "performance-call.svg"
		err = drawContest(docs, s.plot, "tools/call with a bearer token", table)
	}
	return s, callMusts(table), err
}

func (l *lab) garbagePart(string) (section, []must, error) {
	s, err := l.besiege()
	if err != nil {
		return section{}, nil, err
	}
	return siegeSection(s), siegeMusts(s), nil
}

func (l *lab) streamPart(docs string) (section, []must, error) {
	table, err := l.streams(l.idleStreams)
	if err != nil {
		return section{}, nil, err
	}
	s := streamSection("Idle event streams", table)
	if docs != "" {
		s.plot = "performance-streams.svg"
		err = drawStreams(docs, s.plot, table)
	}
	return s, streamMusts(table), err
}

func (l *lab) manyPart(string) (section, []must, error) {
	first := streamContestants[0]
	row, err := l.idle(first.contestant, first.session, l.manyStreams)
	if err != nil {
		return section{}, nil, err
	}
	return streamSection("As many streams as one process may have files", []*idle{row}), manyMusts(row), nil
}
