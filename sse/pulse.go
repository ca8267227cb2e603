package sse

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	// beatTime is the time between two keep-alives of a stream. Proxies drop
	// connections that are silent for a minute, some after 30 s.
	beatTime = 15 * time.Second
	// tickTime is the resolution of everything that is due at some time.
	tickTime = 250 * time.Millisecond
	// drainTime is the time over which the streams of a replica are ended.
	drainTime = 2 * time.Second
)

// pulse is the one goroutine of all streams. It runs from the first stream, or
// the first call that ends with its client, until the server drains.
func (l *streams) pulse() {
	defer close(l.stopped)
	defer l.watcher.close()
	ticker := time.NewTicker(tickTime)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			l.tick(l.now())
		case <-l.news.wake:
			l.broadcast()
		case <-l.stop:
			return
		}
	}
}

// tick does what is due: expiry and heartbeats of each shard, the end of the
// streams whose peers have left, and a look at the peers of running calls, which
// should not run for nobody.
func (l *streams) tick(now time.Time) {
	for i := range l.shards {
		l.sweep(&l.shards[i], now)
	}
	l.reap()
	defer l.recovered("peer check")
	for _, st := range l.calls.streams() {
		if st.peerGone() {
			st.close("peer gone", nil)
		}
	}
	for _, c := range l.running.all() {
		c.checkPeer()
	}
}

// reap closes the streams whose peers have left, as the watcher heard. Where
// there is none, every stream is asked.
func (l *streams) reap() {
	defer l.recovered("reap") // those that are missed have their heartbeat
	for _, st := range l.watcher.gone() {
		st.close("peer gone", nil)
	}
	if l.watcher.watches() {
		return
	}
	for i := range l.shards {
		for _, st := range l.shards[i].all(nil) {
			if st.peerGone() {
				st.close("peer gone", nil)
			}
		}
	}
}

// sweep ends the streams of a shard whose time is over and, every beatTime,
// sends a heartbeat to the others.
func (l *streams) sweep(s *shard, now time.Time) {
	defer l.recovered("sweep") // costs this shard one round, and no other
	s.mu.Lock()
	beat := !now.Before(s.nextBeat)
	due := beat || !now.Before(s.earliest)
	if beat {
		s.nextBeat = now.Add(beatTime)
	}
	if due {
		s.earliest = now.Add(farFuture) // streams that come meanwhile lower it
	}
	s.mu.Unlock()
	if !due {
		return
	}
	earliest := now.Add(farFuture)
	for _, st := range s.all(nil) {
		end := st.ends()
		if !now.Before(end) {
			st.close("expired", st.farewell(expired))
			continue
		}
		if end.Before(earliest) {
			earliest = end
		}
		if beat {
			st.beat()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if earliest.Before(s.earliest) {
		s.earliest = earliest
	}
}

var (
	expired = comment("the access token has expired; connect again")
	goodbye = comment("the server is shutting down; connect again")
)

// Drain refuses new streams from now on and ends the open ones, spread over a
// short time so that their clients do not all come back at once. A stream that
// owes an answer is given the time to send it. Drain returns when all streams
// are closed; when ctx ends, the rest is closed at once.
func (e *Endpoint) Drain(ctx context.Context) {
	l := e.list()
	l.gate.mu.Lock()
	again := l.gate.draining
	l.gate.draining = true
	l.gate.mu.Unlock()
	if again {
		return
	}
	spread := drainTime
	if deadline, ok := ctx.Deadline(); ok {
		spread = max(min(spread, time.Until(deadline)/2), shardCount)
	}
	for _, i := range rand.Perm(shardCount) {
		if l.end(&l.shards[i], false) {
			pause(ctx, rand.N(2*spread/shardCount)) // spread/shardCount on average
		}
	}
	for l.count() > 0 {
		pause(ctx, tickTime/5)
		for i := range l.shards {
			l.end(&l.shards[i], ctx.Err() != nil)
		}
	}
	l.started.Do(func() { close(l.stopped) }) // there was no pulse, and there will be none
	close(l.stop)
	<-l.stopped
	e.unsubscribe()
}

// end ends the streams of a shard that owe nothing to their clients, or all. It
// reports whether there were streams.
func (l *streams) end(s *shard, all bool) bool {
	open := s.all(nil)
	for _, st := range open {
		if all || !l.calls.running(st) && !st.busy() {
			st.close("drain", st.farewell(goodbye))
		}
	}
	return len(open) > 0
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
