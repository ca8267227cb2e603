package sse

import (
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// shardCount spreads the streams over locks, and the heartbeats over time.
const shardCount = 64

var (
	errUserFull = errors.New("the user has too many open streams")
	errFull     = errors.New("the server has too many open streams; try again")
	errDraining = errors.New("the server is shutting down; connect again")
)

// streams is the list of the open streams of this replica.
type streams struct {
	max, maxPerUser int
	now             func() time.Time
	log             *slog.Logger
	calls           *calls
	running         *running
	news            news
	backlog         backlog

	gate    gate
	shards  [shardCount]shard
	seed    maphash.Seed
	watcher watcher

	started sync.Once
	stop    chan struct{} // closed when all streams are, to end the pulse
	stopped chan struct{} // closed when it has ended
}

// gate counts. It decides before a connection is taken, exactly, and apart from
// the shards, so that a full server costs nothing but this.
type gate struct {
	mu       sync.Mutex
	open     int
	byUser   map[string]int
	draining bool
}

// shard is a part of the list.
type shard struct {
	mu   sync.Mutex
	byID map[string]*stream
	// earliest is not after the end of any stream of the shard, so that a sweep
	// can pass by without looking at them.
	earliest time.Time
	nextBeat time.Time
}

func newStreams(e *Endpoint) *streams {
	l := &streams{
		max:        e.MaxStreams,
		maxPerUser: e.MaxStreamsPerUser,
		now:        e.Now,
		log:        e.Log,
		calls:      &e.calls,
		running:    &e.running,
		news:       news{wake: make(chan struct{}, 1)},
		gate:       gate{byUser: make(map[string]int)},
		seed:       maphash.MakeSeed(),
		stop:       make(chan struct{}),
		stopped:    make(chan struct{}),
	}
	now := l.now()
	for i := range l.shards {
		s := &l.shards[i]
		s.byID = make(map[string]*stream)
		s.earliest = now.Add(farFuture)
		s.nextBeat = now.Add(beatTime * time.Duration(i+1) / shardCount)
	}
	return l
}

// farFuture is later than anything that is waited for.
const farFuture = 100 * 365 * 24 * time.Hour

// add counts the stream and enters it into the list. The error is errUserFull,
// errFull or errDraining.
func (l *streams) add(st *stream) error {
	if err := l.enter(st.subject); err != nil {
		return err
	}
	st.list = l
	end := st.ends()
	s := l.shard(st.id)
	s.mu.Lock()
	s.byID[st.id] = st
	if end.Before(s.earliest) {
		s.earliest = end
	}
	s.mu.Unlock()
	l.start()
	return nil
}

// start lets the pulse begin, once.
func (l *streams) start() {
	l.started.Do(func() {
		if err := l.watcher.open(); err != nil && polls {
			l.log.Warn("closed connections are looked for one by one, which costs more", "event", "watch", "err", err)
		}
		go l.pulse()
	})
}

func (l *streams) enter(subject string) error {
	g := &l.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.draining:
		return errDraining
	case g.byUser[subject] >= l.maxPerUser:
		return errUserFull
	case g.open >= l.max:
		return errFull
	}
	g.open++
	g.byUser[subject]++
	return nil
}

// remove takes a closed stream out of the list. It is called once per stream,
// by its close.
func (l *streams) remove(st *stream) {
	s := l.shard(st.id)
	s.mu.Lock()
	delete(s.byID, st.id)
	s.mu.Unlock()

	g := &l.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open--
	if g.byUser[st.subject]--; g.byUser[st.subject] == 0 {
		delete(g.byUser, st.subject)
	}
}

// get returns the stream with the id, or nil if it does not live here.
func (l *streams) get(id string) *stream {
	s := l.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byID[id]
}

func (l *streams) count() int {
	l.gate.mu.Lock()
	defer l.gate.mu.Unlock()
	return l.gate.open
}

func (l *streams) shard(id string) *shard {
	return &l.shards[maphash.String(l.seed, id)%shardCount]
}

// all copies the shard's streams into buffer: closing one takes the lock.
func (s *shard) all(buffer []*stream) []*stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.byID {
		buffer = append(buffer, st)
	}
	return buffer
}

// recovered catches a panic of a goroutine, which would end the process.
func (l *streams) recovered(where string) {
	if p := recover(); p != nil {
		l.log.Error("goroutine panicked", "event", "panic", "in", where, "err", fmt.Sprint(p), "stack", string(debug.Stack()))
	}
}
