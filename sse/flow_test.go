package sse

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// narrowStream is a stream of a peer that has not begun to read, over a socket
// with a small buffer: on the loopback it would take megabytes.
func (e *Endpoint) narrowStream(t testing.TB, id, subject string) (*stream, net.Conn) {
	t.Helper()
	ours, theirs := socketPair(t, listenLoopback(t))
	t.Cleanup(func() { theirs.Close() })
	if err := ours.(*net.TCPConn).SetWriteBuffer(32 << 10); err != nil {
		t.Fatal(err)
	}
	st := &stream{id: id, subject: subject, opened: e.Now(), expires: e.Now().Add(time.Hour)}
	if err := e.list().add(st); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.close("test", nil) })
	st.attach(ours, []byte("head\n"))
	return st, theirs
}

// line is a frame of n bytes with a name.
func line(name string, n int) []byte {
	return append(bytes.Repeat([]byte{'x'}, n-len(name)-1), name+"\n"...)
}

// readName returns the name of the next line.
func readName(t testing.TB, from *bufio.Reader) string {
	t.Helper()
	text, err := from.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(strings.TrimLeft(text, "x"))
}

func stopped() *Endpoint {
	now := time.Unix(1000, 0)
	return newTestEndpoint(func() time.Time { return now })
}

// Answers that come faster than the network takes them cost nobody the stream.
func TestBurstsOfAnswersArrive(t *testing.T) {
	e := stopped()
	st, theirs := e.narrowStream(t, "a", "alice")
	const burst = 50
	for i := range burst {
		if !st.send(line(fmt.Sprint(i), 60_000), e.Now()) {
			t.Fatalf("closed at answer %d", i)
		}
	}
	from := bufio.NewReader(theirs)
	readName(t, from)
	for i := range burst {
		if got := readName(t, from); got != fmt.Sprint(i) {
			t.Fatalf("answer %d is %.100q", i, got)
		}
	}
	poll(t, "nothing waits", func() bool { return !st.busy() })
	if e.OpenStreams() != 1 || e.list().backlog.total != 0 || len(e.list().backlog.byUser) != 0 {
		t.Errorf("%d open, %d bytes are counted", e.OpenStreams(), e.list().backlog.total)
	}
}

// Notifications that find no room are lost, the last ones first. What somebody
// waits for is not, and finds its room although they took theirs.
func TestNotificationsAreDropped(t *testing.T) {
	var log bytes.Buffer
	e := stopped()
	e.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	e.list().log = e.Log
	st, theirs := e.narrowStream(t, "a", "alice")
	const told = 1000
	for i := range told {
		if !st.offer(line(fmt.Sprint(i), 1000), e.Now()) {
			t.Fatalf("closed at notification %d", i)
		}
	}
	for i := range 10 {
		if !st.send(line(fmt.Sprint("answer ", i), 60_000), e.Now()) {
			t.Fatalf("closed at answer %d", i)
		}
	}
	from := bufio.NewReader(theirs)
	readName(t, from)
	kept := 0
	name := readName(t, from)
	for ; name == fmt.Sprint(kept); name = readName(t, from) {
		kept++
	}
	for i := range 10 {
		if name != fmt.Sprint("answer ", i) {
			t.Fatalf("got %.100q, want answer %d", name, i)
		}
		if i < 9 {
			name = readName(t, from)
		}
	}
	poll(t, "nothing waits", func() bool { return !st.busy() })
	if !st.offer(line("room again", 1000), e.Now()) || readName(t, from) != "room again" {
		t.Error("the queue is empty and took nothing")
	}
	st.close("test", nil)
	if want := fmt.Sprintf("dropped=%d", told-kept); kept < newsSize/1000 || !strings.Contains(log.String(), want) {
		t.Errorf("%d of %d arrived, the log has no %s: %s", kept, told, want, &log)
	}
}

// A long answer on its way takes nothing from the room of notifications.
func TestNotificationsBehindALongAnswer(t *testing.T) {
	e := stopped()
	st, theirs := e.narrowStream(t, "a", "alice")
	st.send(line("long", 2<<20), e.Now())
	st.send(line("longer", 1<<20), e.Now())
	st.offer(line("news", 1000), e.Now())
	from := bufio.NewReader(theirs)
	for _, want := range []string{"head", "long", "longer", "news"} {
		if got := readName(t, from); got != want {
			t.Errorf("got %.100q, want %s", got, want)
		}
	}
}

// The queue is bounded even if nobody ever writes it out: for an answer the
// stream ends then, for a notification it does not.
func TestQueueIsBounded(t *testing.T) {
	for name, life := range map[string]time.Duration{"queued": time.Hour, "held": 0} {
		e := stopped()
		l := e.list()
		st := &stream{id: "a", subject: "alice", opened: e.Now(), expires: e.Now().Add(life)}
		if err := l.add(st); err != nil {
			t.Fatal(err)
		}
		for range 2 * newsSize / 1000 {
			st.offer(line("news", 1000), e.Now())
		}
		if n := st.waiting(); n > newsSize || n < newsSize-1000 {
			t.Errorf("%s: %d bytes of notifications wait", name, n)
		}
		frame := line("answer", 100_000)
		for st.waiting() <= queueSize {
			if !st.send(frame, e.Now()) {
				t.Fatalf("%s: closed with %d bytes", name, st.waiting())
			}
		}
		if l.backlog.total != st.waiting() || l.backlog.byUser["alice"] != st.waiting() {
			t.Errorf("%s: %d bytes wait, %d are counted", name, st.waiting(), l.backlog.total)
		}
		if !st.offer(line("news", 1000), e.Now()) {
			t.Errorf("%s: closed for a notification", name)
		}
		if st.send(frame, e.Now()) || !st.closed || st.queue != nil || st.held != nil || e.OpenStreams() != 0 {
			t.Errorf("%s: not closed", name)
		}
		if l.backlog.total != 0 || len(l.backlog.byUser) != 0 {
			t.Errorf("%s: %d bytes stay counted", name, l.backlog.total)
		}
	}
}

// A stream that lives on with a newer token gives back what was held for it.
func TestHeldFramesAreCountedOnce(t *testing.T) {
	e := stopped()
	st, theirs := e.narrowStream(t, "a", "alice")
	st.expires = e.Now()
	st.send(line("held", 200_000), e.Now())
	if got := e.list().backlog.total; got != 200_000 {
		t.Fatalf("%d bytes are counted", got)
	}
	if !st.extend(e.Now().Add(time.Hour), e.Now()) {
		t.Fatal("closed")
	}
	from := bufio.NewReader(theirs)
	if readName(t, from) != "head" || readName(t, from) != "held" {
		t.Error("it did not arrive")
	}
	poll(t, "nothing waits", func() bool { return !st.busy() })
	if got := e.list().backlog.total; got != 0 {
		t.Errorf("%d bytes are counted", got)
	}
}

// All that waits is bounded for a user and for the replica, and nobody takes
// the room of another.
func TestBacklog(t *testing.T) {
	var b backlog
	const share = maxBacklogPerUser
	for i, step := range []struct {
		subject string
		take    int // less than zero is given back
		ok      bool
	}{
		{"a", share + 1, true}, // nothing of the user's waits
		{"a", 1, false},
		{"b", 1, true},
		{"b", share - 1, true},
		{"b", 1, false},
		{"c", share, true},
		{"d", share, false}, // the first one's byte too many
		{"d", share - 1, true},
		{"e", 1, false},
		{"a", -share - 1, true},
		{"e", 1, true},
		{"a", 1, true},
		{"a", share - 1, true},
		{"e", 2, false},
	} {
		ok := true
		if step.take < 0 {
			b.giveBack(step.subject, -step.take)
		} else {
			ok = b.take(step.subject, step.take) == nil
		}
		if ok != step.ok {
			t.Fatalf("step %d: %v", i, ok)
		}
	}
}

// The streams of one user share a bound, and who is over it has nobody's but
// the own streams closed.
func TestSlowReadersShareABound(t *testing.T) {
	e := stopped()
	e.list().max, e.list().maxPerUser = 100, 100
	l := e.list()
	bob, theirs := e.narrowStream(t, "bob", "bob")
	answer := line("answer", 1<<20)
	open := 0
	for i := range 30 {
		st, _ := e.narrowStream(t, fmt.Sprint("mallory ", i), "mallory")
		if st.send(answer, e.Now()) {
			open++
		}
	}
	if open < 16 || open > 22 || l.count() != open+1 { // the sockets have a little
		t.Errorf("%d of 30 are open, %d in the list", open, l.count())
	}
	var reader sync.WaitGroup
	from := bufio.NewReader(theirs)
	reader.Go(func() { io.Copy(io.Discard, from) }) //nolint:errcheck // ends with the test
	for range 3 {
		if !bob.send(answer, e.Now()) {
			t.Error("another user's stream is closed")
		}
	}
	poll(t, "the other one has it all", func() bool { return !bob.busy() })
	bob.close("test", nil)
	reader.Wait()
}

// sipping is a connection that takes a little in the time that a write has.
type sipping struct{ net.Conn }

func (s sipping) Write(b []byte) (int, error) {
	n := min(len(b), 1000)
	if _, err := s.Conn.Write(b[:n]); err != nil {
		return 0, err
	}
	if n < len(b) {
		return n, os.ErrDeadlineExceeded
	}
	return n, nil
}

// A peer that takes something in writeTime keeps its stream, however long all of
// it takes.
func TestSlowReaderThatReadsIsKept(t *testing.T) {
	e := stopped()
	st := &stream{id: "a", subject: "alice", opened: e.Now(), expires: e.Now().Add(time.Hour)}
	if err := e.list().add(st); err != nil {
		t.Fatal(err)
	}
	ours, theirs := net.Pipe()
	st.attach(sipping{ours}, line("first", 200_000))
	st.send(line("second", 100_000), e.Now())
	from := bufio.NewReader(theirs)
	if readName(t, from) != "first" || readName(t, from) != "second" {
		t.Error("it came differently")
	}
	poll(t, "nothing waits", func() bool { return !st.busy() })
	if e.OpenStreams() != 1 || e.list().backlog.total != 0 {
		t.Errorf("%d open, %d bytes are counted", e.OpenStreams(), e.list().backlog.total)
	}
	theirs.Close()
	poll(t, "the end is noticed", func() bool { return e.OpenStreams() == 0 })
}

// A peer that takes nearly all of a long answer does not hold the memory of all
// of it with the little that is left.
func TestRestOfALongAnswerIsSmall(t *testing.T) {
	e := stopped()
	st := &stream{id: "a", subject: "alice", opened: e.Now(), expires: e.Now().Add(time.Hour), writing: 1 << 20}
	if err := e.list().add(st); err != nil {
		t.Fatal(err)
	}
	e.list().backlog.take("alice", 1<<20) //nolint:errcheck // nothing waits
	chunk := line("answer", 1<<20)
	rest := st.next(sipping{}, chunk[1<<20-100:], 1<<20-100)
	if !bytes.Equal(rest, chunk[1<<20-100:]) || cap(rest) > 1000 || e.list().backlog.total != 100 || st.writing != 100 {
		t.Errorf("%d bytes of room for %d, %d counted, %d waiting", cap(rest), len(rest), e.list().backlog.total, st.writing)
	}
	st.close("test", nil)
	if e.list().backlog.total != 0 {
		t.Errorf("%d bytes are counted", e.list().backlog.total)
	}
}
