package e2e

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var heapAlloc = regexp.MustCompile(`# HeapAlloc = (\d+)`)

// heap returns the bytes of a replica's heap that are in use after a garbage collection, and its goroutines.
func (g *target) heap(t *testing.T) (inUse, goroutines int) {
	t.Helper()
	_, profile, err := get(g.adminURL() + "/debug/pprof/heap?debug=1&gc=1")
	found := heapAlloc.FindStringSubmatch(profile)
	if err != nil || found == nil {
		t.Fatalf("no heap profile: %v", err)
	}
	inUse, _ = strconv.Atoi(found[1])
	_, profile, err = get(g.adminURL() + "/debug/pprof/goroutine?debug=1")
	if _, scan := fmt.Sscanf(profile, "goroutine profile: total %d", &goroutines); err != nil || scan != nil {
		t.Fatalf("no goroutine profile: %v %v", err, scan)
	}
	return inUse, goroutines
}

// Garbage costs the server no memory that it does not get back, no goroutine and no good request.
func TestGarbageLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	g, _ := attackBehind(t)
	a := g.loggedIn(t, "user")
	part := func(n int) string { return strings.Repeat(rand.Text(), n/26+1)[:n] }
	parts := strings.Split(a.tokens.AccessToken, ".")
	forged := func() string { // of our own form, so that the costly check is reached
		return parts[0] + ".." + part(16) + "." + part(len(parts[3])) + "." + part(22)
	}
	attacks := []func(i int) reply{
		func(int) reply { return g.rpcTo(t, "/sse", part(700), ping) },
		func(int) reply { return g.rpcTo(t, "/sse", forged(), ping) },
		func(int) reply { return g.form(t, "/token", a.refreshForm("refresh_token", forged())) },
		func(int) reply { return g.form(t, "/token", a.codeForm("code", part(900), "client_id", part(480))) },
		func(int) reply { return g.get(t, "/callback?code=x&state="+forged()) },
		func(int) reply { return g.get(t, a.authorizePath(t, "client_id", forged())) },
		func(int) reply {
			return g.form(t, "/consent", url.Values{"action": {"approve"}, "ticket": {forged()}}.Encode())
		},
		func(i int) reply {
			return g.tell(t, http.MethodPost, "/register", fmt.Sprintf(`{"redirect_uris":["https://a.example/%d"]}`, i), "Content-Type", "application/json")
		},
		func(int) reply { return g.get(t, a.authorizePath(t)) },
		func(int) reply {
			return g.rpcTo(t, "/sse", a.tokens.AccessToken, `{"jsonrpc":"2.0","id":1,"method":"`+part(5000)+`"}`)
		},
	}
	const rounds = 2000
	wave := func() {
		var good atomic.Int64
		flood(rounds, func(i int) {
			if i%100 == 0 && g.rpcTo(t, "/sse", a.tokens.AccessToken, ping).status == http.StatusOK {
				good.Add(1)
			}
			attacks[i%len(attacks)](i) // no 5xx: the target watches
		})
		if good.Load() != rounds/100 {
			t.Errorf("%d of %d good requests were answered", good.Load(), rounds/100)
		}
	}
	wave() // fills pools and caches, which is not a leak
	before, idle := g.heap(t)
	wave()
	wave()
	g.client.CloseIdleConnections()
	eventually(t, 15*time.Second, "memory and goroutines come back", func() error {
		after, running := g.heap(t)
		if grown := after - before; grown > 4<<20 || running > idle+4 {
			return fmt.Errorf("the heap grew by %d KB, goroutines from %d to %d", grown>>10, idle, running)
		}
		return nil
	})
	a.useTools(t)
	a.refresh(t)
}
