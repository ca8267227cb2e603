package sse

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mcp-oauth-server/sse/relay"
)

// newTestEndpoint is an endpoint with streams and nothing else. Its pulse is
// run by hand.
func newTestEndpoint(now func() time.Time) *Endpoint {
	quiet := slog.New(slog.DiscardHandler)
	e := &Endpoint{MaxStreams: 10, MaxStreamsPerUser: 10, Now: now, Log: quiet, Relay: relay.NewLocal(quiet)}
	e.list().started.Do(func() { close(e.list().stopped) })
	return e
}

// If fasthttp fails before it hands the connection over, the stream's place
// must not be lost.
func TestUnattachedStreamIsRemoved(t *testing.T) {
	now := time.Unix(1000, 0)
	e := newTestEndpoint(func() time.Time { return now })
	st := &stream{id: "a", subject: "alice", opened: now, expires: now.Add(time.Hour)}
	if err := e.list().add(st); err != nil {
		t.Fatal(err)
	}
	e.list().tick(now.Add(attachTime - time.Nanosecond))
	if e.OpenStreams() != 1 {
		t.Fatal("removed too early")
	}
	e.list().tick(now.Add(attachTime))
	if e.OpenStreams() != 0 || e.list().get("a") != nil {
		t.Fatal("still there")
	}
	ours, theirs := net.Pipe()
	st.attach(ours, []byte("too late"))
	if b, err := io.ReadAll(theirs); err != nil || len(b) > 0 {
		t.Errorf("%q %v", b, err)
	}
	st.send([]byte("x"), now) // nothing happens
	ctx, release := st.context()
	defer release()
	if st.extend(now.Add(2*time.Hour), now) || ctx.Err() == nil {
		t.Error("a closed stream lives on")
	}
}

// Calls share a context that ends with the stream, and with none of them; a stream
// that rests has none.
func TestContextOfCalls(t *testing.T) {
	now := time.Unix(1000, 0)
	e := newTestEndpoint(func() time.Time { return now })
	st := &stream{id: "a", subject: "alice", opened: now, expires: now.Add(time.Hour)}
	if err := e.list().add(st); err != nil {
		t.Fatal(err)
	}
	first, releaseFirst := st.context()
	second, releaseSecond := st.context()
	releaseFirst()
	if first.Err() != nil || second.Err() != nil {
		t.Error("the end of a call is that of another")
	}
	releaseSecond()
	if st.ctx != nil || st.cancel != nil || first.Err() == nil || second.Err() == nil {
		t.Error("the context outlives the calls")
	}
	third, releaseThird := st.context()
	defer releaseThird()
	if third.Err() != nil {
		t.Error("a later call is cancelled")
	}
	st.close("test", nil)
	if third.Err() == nil {
		t.Error("a call outlives its stream")
	}
}

// watched remembers the last write deadline.
type watched struct {
	net.Conn
	hurry    bool         // the deadline is over at once
	deadline atomic.Int64 // Unix nanoseconds; 0 is none
}

func (w *watched) SetWriteDeadline(t time.Time) error {
	if t.IsZero() {
		w.deadline.Store(0)
	} else {
		w.deadline.Store(t.UnixNano())
	}
	if w.hurry {
		t = time.Now()
	}
	return w.Conn.SetWriteDeadline(t)
}

// A connection that cannot be written without waiting (TLS) is served by the
// stream's writer.
func TestConnectionWithoutDescriptor(t *testing.T) {
	now := time.Unix(1000, 0)
	e := newTestEndpoint(func() time.Time { return now })
	st := &stream{id: "a", subject: "alice", opened: now, expires: now.Add(time.Hour)}
	if err := e.list().add(st); err != nil {
		t.Fatal(err)
	}
	pipe, theirs := net.Pipe()
	ours := &watched{Conn: pipe}
	st.attach(ours, []byte("first\n"))
	poll(t, "the writer has a deadline", func() bool { return ours.deadline.Load() != 0 })
	st.send([]byte("second\n"), now)
	st.beat() // with bytes on the way there is no need for one
	lines := bufio.NewReader(theirs)
	for _, want := range []string{"first\n", "second\n"} {
		if got, err := lines.ReadString('\n'); got != want {
			t.Fatalf("%q %v", got, err)
		}
	}
	poll(t, "all is written", func() bool { return !st.busy() })
	if ours.deadline.Load() != 0 {
		t.Error("the deadline of the last write would fail a later one")
	}
	st.beat()
	if got, err := lines.ReadString('\n'); got != ": keep-alive\n" {
		t.Fatalf("%q %v", got, err)
	}
	e.Drain(context.Background())
	if _, err := io.ReadAll(lines); err != nil {
		t.Error(err)
	}
}

// A peer that reads nothing at all costs a goroutine, but not for long.
func TestWriterGivesUp(t *testing.T) {
	now := time.Unix(1000, 0)
	e := newTestEndpoint(func() time.Time { return now })
	st := &stream{id: "a", subject: "alice", opened: now, expires: now.Add(time.Hour)}
	if err := e.list().add(st); err != nil {
		t.Fatal(err)
	}
	pipe, theirs := net.Pipe()
	defer theirs.Close()
	st.attach(&watched{Conn: pipe, hurry: true}, []byte("first"))
	poll(t, "the stream is closed", func() bool { return e.OpenStreams() == 0 })
}

func poll(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// The heartbeats of many streams are spread over the time between two of them.
func TestHeartbeatsAreSpread(t *testing.T) {
	now := time.Unix(1000, 0)
	l := newTestEndpoint(func() time.Time { return now }).list()
	most := 0
	for tick := tickTime; tick <= beatTime; tick += tickTime {
		due := 0
		for i := range l.shards {
			if !now.Add(tick).Before(l.shards[i].nextBeat) {
				due++
			}
			l.sweep(&l.shards[i], now.Add(tick))
		}
		most = max(most, due)
	}
	if most > 2 {
		t.Errorf("%d shards of %d at one time", most, shardCount)
	}
	for i := range l.shards {
		if d := l.shards[i].nextBeat.Sub(now); d <= beatTime || d > 2*beatTime {
			t.Errorf("shard %d beats again after %v", i, d)
		}
	}
}

// The pulse of all streams survives whatever breaks in it.
func TestPanicInASweepIsCaught(t *testing.T) {
	now := time.Unix(1000, 0)
	e := newTestEndpoint(func() time.Time { return now })
	l := e.list()
	l.shards[0].byID["broken"] = nil
	st := &stream{id: "a", subject: "alice", opened: now, expires: now}
	for i := 1; l.shard(st.id) == &l.shards[0]; i++ {
		st.id = strings.Repeat("a", i)
	}
	if err := l.add(st); err != nil {
		t.Fatal(err)
	}
	l.tick(now.Add(beatTime))
	if e.OpenStreams() != 0 {
		t.Error("the other shards were not swept")
	}
}
