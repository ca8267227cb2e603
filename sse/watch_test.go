package sse

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"mcp-oauth-server/sse/relay"
)

// socketPair is a connection over the loopback interface.
func socketPair(t testing.TB, ln net.Listener) (ours, theirs net.Conn) {
	t.Helper()
	theirs, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Error(err)
		runtime.Goexit()
	}
	if ours, err = ln.Accept(); err != nil { // maybe another one's: they are alike
		t.Error(err)
		runtime.Goexit()
	}
	return ours, theirs
}

func listenLoopback(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

// newBusyEndpoint is newTestEndpoint with a pulse and room for many streams.
func newBusyEndpoint(room int) *Endpoint {
	quiet := slog.New(slog.DiscardHandler)
	return &Endpoint{MaxStreams: room, MaxStreamsPerUser: room, Now: time.Now, Log: quiet, Relay: relay.NewLocal(quiet)}
}

// attached enters a stream that lives for an hour.
func (e *Endpoint) attached(t testing.TB, id string, c net.Conn) *stream {
	t.Helper()
	now := e.Now()
	st := &stream{id: id, subject: "alice", opened: now, expires: now.Add(time.Hour)}
	if err := e.list().add(st); err != nil {
		t.Error(err)
		runtime.Goexit()
	}
	st.attach(c, []byte("hello\n"))
	return st
}

// sendAll sends a frame to every stream, as a broadcast does.
func (l *streams) sendAll(frame []byte) {
	for i := range l.shards {
		for _, st := range l.shards[i].all(nil) {
			st.send(frame, l.now())
		}
	}
}

// Descriptors are used again at once when streams come and go. No stream is
// taken for the one that had its descriptor before, and nothing of them stays.
func TestReusedDescriptors(t *testing.T) {
	const workers, rounds, bystanders = 8, 625, 20
	e, ln := newBusyEndpoint(1000), listenLoopback(t)
	l := e.list()
	var readers, churn sync.WaitGroup
	var heard atomic.Int64
	var stay []*stream
	for i := range bystanders {
		ours, theirs := socketPair(t, ln)
		stay = append(stay, e.attached(t, fmt.Sprintf("stay-%d", i), ours))
		readers.Go(func() {
			n, _ := io.Copy(io.Discard, theirs) // ends with the drain
			heard.Add(n)
			theirs.Close()
		})
	}
	for w := range workers {
		churn.Go(func() {
			for i := range rounds {
				ours, theirs := socketPair(t, ln)
				st := e.attached(t, fmt.Sprintf("%d-%d", w, i), ours)
				if err := theirs.(*net.TCPConn).SetLinger(0); err != nil { // leaves no port behind
					t.Error(err)
				}
				if i%2 == 0 {
					st.close("test", nil) // and the descriptor is free
				}
				theirs.Close()
			}
		})
	}
	var over atomic.Bool
	go func() { churn.Wait(); over.Store(true) }()
	frame := comment("to all")
	for !over.Load() {
		l.sendAll(frame)
	}
	poll(t, "only those who stayed are left", func() bool { return l.count() == bystanders })
	for _, st := range stay {
		if l.get(st.id) != st {
			t.Errorf("%s was closed", st.id)
		}
	}
	l.watcher.mu.Lock()
	watched := len(l.watcher.byNumber)
	l.watcher.mu.Unlock()
	if polls && watched != bystanders {
		t.Errorf("%d are watched", watched)
	}
	e.Drain(context.Background())
	readers.Wait()
	if heard.Load() < int64(bystanders*len(frame)) {
		t.Errorf("%d bytes were heard", heard.Load())
	}
}

// Where the system does not say who has left, every stream is asked, and only
// those without a peer are closed.
func TestWithoutAWatcher(t *testing.T) {
	now := time.Unix(1000, 0)
	e := newTestEndpoint(func() time.Time { return now }) // has no pulse, and so no watcher
	ln := listenLoopback(t)
	ours, theirs := socketPair(t, ln)
	stays, other := socketPair(t, ln)
	defer other.Close()
	left, st := e.attached(t, "a", ours), e.attached(t, "b", stays)
	if left.watch != 0 || st.watch != 0 {
		t.Fatal("they are watched")
	}
	theirs.(*net.TCPConn).CloseWrite() //nolint:errcheck // seen below
	defer theirs.Close()
	poll(t, "the stream is asked", func() bool {
		e.list().tick(now)
		return e.OpenStreams() == 1
	})
	if e.list().get("b") != st {
		t.Error("the wrong one was closed")
	}
	st.close("test", nil)
}

// A connection without a descriptor cannot be asked: a goroutine waits for its
// end, and it hears why the stream ends.
func TestMuteConnections(t *testing.T) {
	e := newBusyEndpoint(10)
	pipe, end := net.Pipe()
	left := e.attached(t, "left", pipe)
	io.ReadFull(end, make([]byte, 6)) //nolint:errcheck // lets the writer end
	end.Close()
	poll(t, "the end is noticed", func() bool { return e.OpenStreams() == 0 })
	if left.watch != 0 {
		t.Error("a pipe is watched")
	}
	pipe, end = net.Pipe()
	st := e.attached(t, "told", pipe)
	io.ReadFull(end, make([]byte, 6)) //nolint:errcheck // as above
	poll(t, "the writer has ended", func() bool { return !st.busy() })
	st.close("test", []byte("bye"))
	if last, _ := io.ReadAll(end); string(last) != "bye" {
		t.Errorf("%q", last)
	}
	e.Drain(context.Background())
}

// A connection that is left out does not disturb the others.
func TestPipesAreNotWatched(t *testing.T) {
	e := newBusyEndpoint(10)
	pipe, end := net.Pipe()
	defer end.Close()
	st := e.attached(t, "pipe", pipe)
	if st.watch != 0 {
		t.Error("a pipe is watched")
	}
	ours, theirs := socketPair(t, listenLoopback(t))
	e.attached(t, "socket", ours)
	theirs.Close()
	if polls {
		poll(t, "the socket's end is noticed", func() bool { return e.OpenStreams() == 1 })
	}
	if e.list().get("pipe") != st {
		t.Error("the pipe was closed")
	}
	io.ReadFull(end, make([]byte, 6)) //nolint:errcheck // lets the writer end
	e.Drain(context.Background())
}

// A closed watcher has no list, and its descriptor may be another's by now.
func TestClosedWatcherWatchesNothing(t *testing.T) {
	var w watcher
	ours, theirs := socketPair(t, listenLoopback(t))
	defer theirs.Close()
	defer ours.Close()
	if err := w.open(); (err == nil) != polls {
		t.Fatal(err)
	}
	if number := w.add(newSocket(ours), &stream{}); (number != 0) != polls {
		t.Errorf("number %d", number)
	}
	w.close()
	w.close()
	if number := w.add(newSocket(ours), &stream{}); number != 0 {
		t.Error("watched after the close")
	}
	if left := w.gone(); left != nil {
		t.Errorf("%d left", len(left))
	}
	w.forget(1)
}

// Numbers come back from the system as they went, all their 64 bits, and once.
func TestNumbersOfWatches(t *testing.T) {
	if !polls {
		t.Skip("this system has no watcher")
	}
	var w watcher
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	defer w.close()
	w.last = 0xfedcba9876543210
	ours, theirs := socketPair(t, listenLoopback(t))
	defer ours.Close()
	st := &stream{}
	number := w.add(newSocket(ours), st)
	if left := w.gone(); number != 0xfedcba9876543211 || len(left) != 0 {
		t.Fatalf("number %x, %d left", number, len(left))
	}
	theirs.Close()
	var left []*stream
	poll(t, "the end is reported", func() bool { left = w.gone(); return len(left) > 0 })
	if len(left) != 1 || left[0] != st {
		t.Errorf("%v", left)
	}
	if left := w.gone(); len(left) != 0 {
		t.Error("reported twice")
	}
	w.forget(number)
}

// An idle stream is small: beyond this it takes the next size of the allocator.
func TestSizeOfAStream(t *testing.T) {
	if size := unsafe.Sizeof(stream{}); size > 288 {
		t.Errorf("%d bytes", size)
	}
}
