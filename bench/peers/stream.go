package main

import (
	"errors"
	"fmt"
	"time"
)

const (
	nameNetHTTP      = "net/http handler, no session"
	nameGoSDKStreams = "go-sdk 1.8.0 HTTP+SSE"
	nameMCPGoStreams = "mcp-go 1.2.1 HTTP+SSE"
	nameOursBare     = "ours, not initialized"
)

// streamContestants hold idle event streams. Where there is a session, the
// client has initialized it, as every real one does.
var streamContestants = []struct {
	contestant
	session bool
}{
	{contestant{nameOurs, "HTTP+SSE of 2024-11-05, initialized; heartbeat every 15 s", "/sse", oursCall}, true},
	{contestant{nameOursBare, "the same, before its first message", "/sse", oursCall}, false},
	{contestant{nameNetHTTP, "flushing handler with a ticker; heartbeat every 15 s", "/sse", goPeer("nethttp")}, false},
	{contestant{nameGoSDKStreams, "HTTP+SSE of 2024-11-05, initialized; no heartbeat", "/sse", goPeer("go-sdk-streams")}, true},
	{contestant{nameMCPGoStreams, "HTTP+SSE of 2024-11-05, initialized; heartbeat every 15 s", "/sse", goPeer("mcp-go-streams")}, true},
}

// idle is what streams cost that nothing is said on.
type idle struct {
	name, work string
	streams    int
	perStream  float64       // KiB of resident memory more than without streams
	resident   float64       // MB in all
	goroutines float64       // per stream
	cpu        float64       // of a core
	opening    float64       // microseconds of processor time to open one
	notice     time.Duration // until half of the peers, gone at once, were let go
}

// noticeLimit ends the waiting for a server that does not look.
const noticeLimit = 40 * time.Second

// streams measures the contestants one after the other: memory does not depend
// on the mood of the machine.
func (l *lab) streams(n int) ([]*idle, error) {
	var table []*idle
	for _, k := range streamContestants {
		row, err := l.idle(k.contestant, k.session, n)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.name, err)
		}
		table = append(table, row)
	}
	return table, nil
}

// idle starts a server, opens n streams to it, looks at it while nothing
// happens, and leaves half of them abruptly.
func (l *lab) idle(k contestant, session bool, n int) (*idle, error) {
	defer l.stopAll()
	t, err := k.start(l)
	if err != nil {
		return nil, err
	}
	t.path = k.path
	crowd := &crowd{target: t}
	defer crowd.leave(n)
	if err := crowd.enter(64, session); err != nil { // what is made once is made before
		return nil, err
	}
	before, err := l.look(t.process)
	if err != nil {
		return nil, err
	}
	if err := crowd.enter(n, session); err != nil {
		return nil, err
	}
	opened, err := t.cpu()
	if err != nil {
		return nil, err
	}
	after, err := l.look(t.process)
	if err != nil {
		return nil, err
	}
	row := &idle{
		name: k.name, work: k.work, streams: len(crowd.conns),
		perStream:  (after.memory - before.memory) / 1024 / float64(n),
		resident:   after.memory / megabyte,
		goroutines: (after.goroutines - before.goroutines) / float64(n),
		opening:    (opened - before.cpu).Seconds() * 1e6 / float64(n),
	}
	if row.cpu, err = l.watch(t.process); err != nil {
		return nil, err
	}
	row.notice, err = crowd.noticed(n / 2)
	l.progress("%-28s %d streams %6.2f KiB each, %5.1f MB in all, %.2f goroutines each, %4.1f %% of a core, gone after %v",
		row.name, row.streams, row.perStream, row.resident, row.goroutines, 100*row.cpu, row.notice.Round(time.Millisecond))
	return row, err
}

// sight is what a server looks like from outside.
type sight struct {
	memory, goroutines float64
	cpu                time.Duration
}

// look waits until a server has settled: its collector has run and the
// resident set no longer falls. The peers give memory back at once
// (debug.FreeOSMemory); the product has no such button, so it is only made to
// collect, which is to its disadvantage.
func (l *lab) look(p *process) (sight, error) {
	for range 2 {
		if _, err := p.get("/free"); err != nil {
			if _, err := p.get("/debug/pprof/heap?gc=1"); err != nil {
				return sight{}, err
			}
		}
	}
	memory, err := p.memory()
	for falling := 0; err == nil && falling < 3; falling++ {
		time.Sleep(l.settle)
		var now int
		if now, err = p.memory(); now < memory-memory/100 {
			falling = 0
		}
		memory = now
	}
	cpu, err1 := p.cpu()
	goroutines, err2 := p.goroutines()
	return sight{float64(memory), float64(goroutines), cpu}, errors.Join(err, err1, err2)
}

// watch measures the processor time of doing nothing, over one heartbeat.
func (l *lab) watch(p *process) (float64, error) {
	before, err1 := p.cpu()
	time.Sleep(l.idleTime)
	after, err2 := p.cpu()
	return (after - before).Seconds() / l.idleTime.Seconds(), errors.Join(err1, err2)
}
