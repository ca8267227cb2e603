package sse

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"mcp-oauth-server/sse/mcp"
	"mcp-oauth-server/sse/relay"
	"mcp-oauth-server/tools"
)

// Whatever bytes arrive, and whatever a message holds, it is read as what it was
// written as, or not at all; and nothing that is JSON is a replica's word.
func FuzzForwarded(f *testing.F) {
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"method":"ping"}`), "alice")
	f.Add([]byte("\x00{}\n{}"), "x\ny")
	f.Add([]byte("\x00{\"Caller\":{\"Subject\":\"bob\"}}\n"), "")
	f.Add([]byte{}, "\u2028")
	f.Fuzz(func(t *testing.T, body []byte, subject string) {
		if jsontext.Value(body).IsValid() {
			if _, ok := decodeForwarded(body); ok {
				t.Errorf("JSON is taken for a message of a replica: %q", body)
			}
		}
		decodeForwarded(body) // no panic
		want := forwarded{
			ID: tools.RequestID{Process: "p", Number: 7}, Caller: tools.Caller{Subject: strings.ToValidUTF8(subject, ""), ClientID: "c", Scopes: "mcp:tools"},
			Expires: time.Unix(1e9, 0).UTC(), Method: mcp.Header{Value: "m", Count: 1}, Body: body,
		}
		message, err := want.encode()
		if err != nil {
			t.Fatal(err)
		}
		got, ok := decodeForwarded(message)
		clear(message) // the relay's buffer, which others use next
		if !ok || !bytes.Equal(got.Body, body) {
			t.Errorf("%q came back as %q", body, got.Body)
		}
		got.Body, want.Body = nil, nil
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%+v came back as %+v", want, got)
		}
	})
}

// The list of running calls holds exactly those that run, whoever enters and
// leaves at the same time.
func TestRunningCalls(t *testing.T) {
	var r running
	var all sync.WaitGroup
	var mu sync.Mutex
	want := map[*call]bool{}
	for g := range 8 {
		all.Go(func() {
			var mine []*call
			for i := range 500 {
				if len(mine) > 0 && rand.N(2) == 0 {
					n := rand.N(len(mine))
					r.remove(mine[n])
					mine = append(mine[:n], mine[n+1:]...)
					continue
				}
				c := &call{}
				r.add(c, uint64(g+i))
				mine = append(mine, c)
				r.all()
			}
			mu.Lock()
			defer mu.Unlock()
			for _, c := range mine {
				want[c] = true
			}
		})
	}
	all.Wait()
	left := r.all()
	for _, c := range left {
		if !want[c] {
			t.Fatal("a call that has ended is in the list")
		}
	}
	if len(left) != len(want) {
		t.Errorf("%d calls in the list, %d run", len(left), len(want))
	}
}

// A call that has its answer says nothing more, whatever its tool still does.
func TestNothingIsSaidAfterTheAnswer(t *testing.T) {
	e := newTestEndpoint(time.Now)
	c := &call{endpoint: e, owner: relay.Owner{Subject: "alice", Client: "c"}, stream: &stream{}}
	id := c.NewID()
	run, _, _ := c.Begin(t.Context(), "1")
	c.end()
	if err := c.Notify([]byte("x")); err != errOver {
		t.Errorf("Notify: %v", err)
	}
	if _, err := c.Ask(t.Context(), id, []byte("x")); err != errOver {
		t.Errorf("Ask: %v", err)
	}
	late := c.NewID()
	for _, id := range []string{id, late} {
		err := e.Relay.Deliver(t.Context(), id, c.owner, relay.Message{Kind: relay.KindMessage})
		if err != relay.ErrNobody {
			t.Errorf("an answer to %s: %v", id, err)
		}
	}
	if c.abandon("1") || run.Err() != nil {
		t.Error("a request with an answer was cancelled")
	}
	if len(e.questions.byUser) != 0 {
		t.Errorf("places are lost: %v", e.questions.byUser)
	}
}
