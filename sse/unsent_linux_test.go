package sse

import (
	"bufio"
	"fmt"
	"testing"
	"time"
)

// filled is what the system takes for a peer that does not read.
func filled(t testing.TB, s socket) (total int) {
	t.Helper()
	chunk := make([]byte, 64<<10)
	for idle := 0; idle < 20; { // acknowledgements take a moment
		n, err := s.tryWrite(chunk)
		if err != nil {
			t.Fatal(err)
		}
		if total += n; n > 0 {
			idle = 0
			continue
		}
		idle++
		time.Sleep(time.Millisecond)
	}
	return total
}

// What the system takes for a peer that does not read is bounded too: a write is
// refused, and not only reported late.
func TestUnsentBytesAreBounded(t *testing.T) {
	e, ln := stopped(), listenLoopback(t)
	taken := func(bound bool) int {
		ours, theirs := socketPair(t, ln)
		defer theirs.Close()
		defer ours.Close()
		if !bound {
			return filled(t, newSocket(ours))
		}
		st := e.attached(t, fmt.Sprint("bound ", e.OpenStreams()), ours)
		defer st.close("test", nil)
		return filled(t, st.socket)
	}
	free, bound := taken(false), taken(true)
	t.Logf("%d KiB without the bound, %d KiB with it", free>>10, bound>>10)
	// The peer's own buffer takes what has been sent to it: 64 KiB until it reads.
	if bound > 2*unsentSize+128<<10 || bound > free/2 {
		t.Errorf("%d bytes without the bound, %d with it", free, bound)
	}
}

// BenchmarkLongAnswer is a stream's way to a peer that reads all the time.
func BenchmarkLongAnswer(b *testing.B) {
	e := newBusyEndpoint(10)
	ours, theirs := socketPair(b, listenLoopback(b))
	defer theirs.Close()
	st := e.attached(b, "a", ours)
	from := bufio.NewReaderSize(theirs, 64<<10)
	if _, err := from.ReadString('\n'); err != nil {
		b.Fatal(err)
	}
	frame := line("answer", 1<<20)
	b.SetBytes(1 << 20)
	for b.Loop() {
		if !st.send(frame, e.Now()) {
			b.Fatal("closed")
		}
		for end := false; !end; {
			text, err := from.ReadSlice('\n')
			if err != nil && err != bufio.ErrBufferFull {
				b.Fatal(err)
			}
			end = len(text) > 0 && text[len(text)-1] == '\n'
		}
	}
	e.Drain(b.Context())
}
