package sse_test

import (
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mcp-oauth-server/sse"
	"mcp-oauth-server/tools"
)

// A thousand subscriptions of one token leave that user's share open and take
// nothing from anybody: neither the places of others nor the user's older ones.
func TestFloodOfSubscriptions(t *testing.T) {
	const share = 100
	r := newReplica(t, newSite(t), func(e *sse.Endpoint) { e.MaxStreamsPerUser = share })
	alice := r.token(t, "alice")
	oldest := r.listens(t, alice, 1)
	var granted, refused atomic.Int64
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for range 50 {
				c, status := r.send(t, "POST", "/sse", alice, listen(2), speaksModern("subscriptions/listen", "")...)
				switch {
				case status == 200:
					granted.Add(1)
				case status == 429 && c.head.Get("Retry-After") != "" && c.head.Get("Content-Type") == "application/json":
					refused.Add(1)
					c.conn.Close()
				default:
					t.Errorf("%d %v", status, c.head)
				}
			}
		})
	}
	all.Wait()
	if granted.Load() != share-1 || refused.Load() != 1000-(share-1) || r.OpenStreams() != share {
		t.Errorf("%d granted, %d refused, %d open", granted.Load(), refused.Load(), r.OpenStreams())
	}
	bobs := r.listens(t, r.token(t, "bob"), 3)
	r.Announce(tools.Change{Kind: tools.ToolsChanged})
	changed(t, oldest, "1")
	changed(t, bobs, "3")
	if a := r.post(t, "/sse", alice, call(1, "whoami", `{"marker":"x"}`)); a.status != 200 {
		t.Errorf("a call beside the flood: %d", a.status)
	}
}

// Clients that leave while their tools run cost nothing afterwards, although
// each tool has something to say yet: no goroutine, no place, no write.
func TestLeavingInCrowds(t *testing.T) {
	const crowd = 100
	r := newReplica(t, newSite(t))
	token := r.token(t, "alice")
	r.listens(t, token, 1).conn.Close() // starts the pulse
	eventually(t, "no stream is left", func() bool { return r.OpenStreams() == 0 })
	before := ours()
	var left []*client
	for i := range crowd {
		c := eras[1].start(t, r, token, []string{"wait", "stepwait"}[i%2], `{}`)
		<-r.started
		left = append(left, c)
	}
	began := time.Now()
	for _, c := range left {
		c.conn.Close()
	}
	for range left {
		<-r.cancelled
	}
	if d := time.Since(began); d > 2*time.Second { // half of it is for a busy machine
		t.Errorf("the last was cancelled after %v", d)
	}
	eventually(t, "no stream is left", func() bool { return r.OpenStreams() == 0 })
	eventually(t, "no goroutine is left", func() bool { return ours() <= before })
	if log := r.logs.String(); strings.Contains(log, "panic") {
		t.Errorf("%s", log)
	}
}

// A thousand clients that do not read fill what their user may have waiting, and
// are dropped. Who reads notices nothing.
func TestCrowdOfSlowReaders(t *testing.T) {
	const crowd = 1000
	r := prepare(t, newSite(t))
	r.serve(t, net.ListenConfig{Control: narrow})
	slowToken, token := r.token(t, "slow"), r.token(t, "alice")
	quick := r.open(t, "/sse", token)
	endpoints := make([]string, crowd)
	for i := range endpoints {
		endpoints[i] = r.crawl(t, slowToken)
	}
	idle, most := inUse(), 0
	gone := make([]bool, crowd)
	dropped := make(chan bool)
	go func() {
		defer close(dropped)
		for range 200 { // the last ones have all the room for themselves, 4 MiB each
			inFours(crowd, func(i int) {
				if !gone[i] && r.post(t, endpoints[i], slowToken, call(1, "big", `{"size":60000}`)).status == 404 {
					gone[i] = true
					dropped <- true
				}
			})
		}
	}()
	var waits []time.Duration
	for range dropped {
		asked := time.Now()
		r.post(t, quick.endpoint, token, call(1, "whoami", `{"marker":"x"}`))
		quick.message(t)
		waits = append(waits, time.Since(asked))
		if len(waits)%100 == 1 {
			most = max(most, inUse()-idle)
		}
	}
	if len(waits) != crowd {
		t.Fatalf("%d of %d are dropped", len(waits), crowd)
	}
	eventually(t, "the places of the others are free", func() bool { return r.OpenStreams() == 1 })
	slices.Sort(waits)
	p99 := waits[crowd*99/100]
	t.Logf("99%% of the answers for the quick one came within %v; the slow ones held %d MiB", p99, most>>20)
	if p99 > time.Second || most > 48<<20 { // 16 that wait, and 64 calls at work
		t.Errorf("the quick one waited %v, the slow ones held %d MiB", p99, most>>20)
	}
}

// Whoever drops a slow reader does not wait for the one who writes to it: that
// may take ten seconds, and it may be the pulse of all streams that waits.
func TestDroppingDoesNotWaitForTheWriter(t *testing.T) {
	r := prepare(t, newSite(t))
	r.serve(t, net.ListenConfig{Control: narrow})
	token := r.token(t, "alice")
	endpoint := r.crawl(t, token)
	eventually(t, "it is dropped", func() bool { return r.post(t, endpoint, token, call(1, "big", `{"size":60000}`)).status == 404 })
	eventually(t, "its place is free", func() bool { return r.OpenStreams() == 0 })
}

// narrow keeps the system from taking megabytes for each peer, as it does on the
// loopback, which would only move the crowd out of this process.
func narrow(_, _ string, raw syscall.RawConn) error {
	return raw.Control(func(fd uintptr) { syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF, 32<<10) })
}

// crawl opens a legacy stream of a client that takes next to nothing from the
// network and never reads, and returns its endpoint.
func (r *replica) crawl(t testing.TB, token string) string {
	t.Helper()
	c := r.open(t, "/sse", token)
	if err := c.conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	return c.endpoint
}

// inFours calls do for 0 to n-1, four at a time.
func inFours(n int, do func(i int)) {
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := w; i < n; i += 4 {
				do(i)
			}
		})
	}
	all.Wait()
}

// ours counts the goroutines that are in code of this module. Idle workers of
// the HTTP server are not.
func ours() (n int) {
	stacks := make([]byte, 8<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for one := range strings.SplitSeq(string(stacks), "\n\n") {
		if strings.Contains(one, "mcp-oauth-server/") {
			n++
		}
	}
	return n
}
