//go:build unix

package relay

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"mcp-oauth-server/crypto/replay/redisguard/redistest"
)

// TestTrouble breaks Redis. No delivery succeeds that did not arrive, the error
// says that it cannot be told, registrations survive, and when it is over
// messages flow again without a restart.
func TestTrouble(t *testing.T) {
	for _, trouble := range []struct {
		name       string
		begin, end func(s *redistest.Server)
	}{
		{"killed", (*redistest.Server).Kill, (*redistest.Server).Restart},
		{"hanging", (*redistest.Server).Pause, (*redistest.Server).Resume},
		{
			"wrong password",
			func(s *redistest.Server) {
				s.Do("CONFIG", "SET", "requirepass", "changed")
				s.Do("CLIENT", "KILL", "TYPE", "pubsub")
				s.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
			},
			func(s *redistest.Server) { s.Do("CONFIG", "SET", "requirepass", "") },
		},
	} {
		t.Run(trouble.name, func(t *testing.T) {
			s := redistest.Start(t)
			key := newKey()
			a, b := replica(t, config(s, key)), replica(t, config(s, key))
			id, box := register(t, a, alice, 1000)
			local, localBox := register(t, b, alice, 1)

			trouble.begin(s)
			sent := 0
			for ; b.Up(); sent++ {
				begin := time.Now()
				expect(t, "during", send(t, b, id, alice, fmt.Sprint("lost ", sent)), ErrUnavailable)
				if took := time.Since(begin); took > 2*deliverTime {
					t.Errorf("a delivery took %v", took)
				}
			}
			atOnce(t, "during", func() error { return send(t, b, id, alice, "lost") }, ErrUnavailable)
			atOnce(t, "publish", func() error { return b.Publish(t.Context(), "tools", nil) }, ErrUnavailable)
			atOnce(t, "this replica", func() error { return send(t, b, local, alice, "near") }, nil)
			localBox.holds(t, "near")

			trouble.end(s)
			becomes(t, b, true)
			for len(box) > 0 { // what was said to be uncertain may have arrived
				if m := <-box; !strings.HasPrefix(string(m.Body), "lost ") {
					t.Errorf("%q arrived", m.Body)
				}
			}
			eventually(t, "delivery works again", func() bool {
				err := send(t, b, id, alice, "after")
				if err != nil && !errors.Is(err, ErrUnavailable) {
					t.Fatalf("while it recovers: %v", err) // ErrNobody would end a stream that lives
				}
				return err == nil
			})
		})
	}
}

// TestNoFalseSuccess kills and hangs Redis while messages flow: whatever was
// reported as delivered is there, once.
func TestNoFalseSuccess(t *testing.T) {
	s := redistest.Start(t)
	key := newKey()
	a, b := replica(t, config(s, key)), replica(t, config(s, key))
	const senders = 8
	id, box := register(t, a, alice, 1<<20)
	stop := make(chan struct{})
	delivered := make([]map[string]bool, senders)
	var wg sync.WaitGroup
	for i := range senders {
		delivered[i] = make(map[string]bool)
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				body := fmt.Sprint(i, " ", n)
				if err := send(t, b, id, alice, body); err == nil {
					delivered[i][body] = true
				} else if !b.Up() {
					time.Sleep(time.Millisecond) // or it would be the only thing running
				}
			}
		})
	}
	flows := func() {
		t.Helper()
		arrived := len(box)
		eventually(t, "messages flow", func() bool { return len(box) > arrived+20*senders })
	}
	flows()
	for range 2 {
		s.Kill()
		becomes(t, b, false)
		s.Restart()
		flows()
		s.Pause()
		becomes(t, b, false)
		s.Resume()
		flows()
	}
	close(stop)
	wg.Wait()
	arrived := make(map[string]int)
	for len(box) > 0 {
		arrived[string((<-box).Body)]++
	}
	total := 0
	for i := range senders {
		for body := range delivered[i] {
			total++
			if arrived[body] != 1 {
				t.Errorf("%q was reported as delivered and arrived %d times", body, arrived[body])
			}
		}
	}
	if total == 0 {
		t.Error("nothing was delivered at all")
	}
	for body, n := range arrived {
		if n > 1 {
			t.Errorf("%q arrived %d times", body, n)
		}
	}
}

// TestLogSaysItOnce: an outage is two lines, however often a replica tries.
func TestLogSaysItOnce(t *testing.T) {
	s := redistest.Start(t)
	c, log := config(s, newKey()), &logged{}
	c.Log = log.logger()
	r := replica(t, c)
	for n := range 2 {
		s.Kill()
		becomes(t, r, false)
		for range 100 {
			_ = send(t, r, formatID(newName(), newName()), alice, "x")
		}
		s.Restart()
		becomes(t, r, true)
		if down, up := log.count("event=redis_down"), log.count("event=redis_up"); down != n+1 || up != n+1 {
			t.Fatalf("after %d outages the log has %d times down, %d times up", n+1, down, up)
		}
	}
}

// TestStartsWithoutRedis has Redis come up after the server.
func TestStartsWithoutRedis(t *testing.T) {
	s := redistest.Start(t)
	s.Kill()
	r := NewRedis(config(s, newKey()))
	defer closeRelay(t, r)
	if r.Up() {
		t.Fatal("up without Redis")
	}
	s.Restart()
	becomes(t, r, true)
}

// TestAnotherTenant has all rights on the Redis but not the key.
func TestAnotherTenant(t *testing.T) {
	s := redistest.Start(t)
	key := newKey()
	c, log := config(s, key), &logged{}
	c.Log = log.logger()
	a, b := replica(t, c), replica(t, config(s, key))
	id, box := register(t, a, alice, 10)
	home, place, _ := parseID(id)
	channel := a.prefix + home.String()
	publish := func(channel string, sealed []byte) { s.Do("PUBLISH", channel, sealed) }

	tap := s.Client.PSubscribe(t.Context(), "*")
	defer tap.Close() //nolint:errcheck // it is the end
	if _, err := tap.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect(t, "a true message", send(t, b, id, alice, "a secret"), nil)
	box.holds(t, "a secret")
	var letters []*redis.Message
	for range 2 { // the letter and its receipt
		m, err := tap.ReceiveMessage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		letters = append(letters, m)
		for _, secret := range []string{"secret", "alice", place.String(), string(place[:])} {
			if strings.Contains(m.Payload, secret) {
				t.Errorf("%q can be read on the wire", secret)
			}
		}
	}

	t.Run("repeats", func(t *testing.T) {
		for _, m := range letters {
			publish(m.Channel, []byte(m.Payload))
		}
	})
	t.Run("redirects", func(t *testing.T) {
		for _, m := range letters {
			publish(a.prefix+everybody, []byte(m.Payload))
			publish(channel, []byte(m.Payload))
			publish(b.prefix+b.home.String(), []byte(m.Payload))
		}
	})
	forged := letter{
		purpose: delivery, from: newName(), number: 1, sent: time.Now().UnixMilli(),
		to: place, owner: alice, kind: KindMessage, body: []byte("forged body"),
	}
	t.Run("forges", func(t *testing.T) {
		sealed, err := seal(newKey(), channel, forged)
		expect(t, "seal", err, nil)
		publish(channel, sealed)
		for _, junk := range []string{"", "x", strings.Repeat("x", 1000), strings.Repeat("x", maxSealed+1)} {
			publish(channel, []byte(junk))
		}
	})
	t.Run("repeats what is old", func(t *testing.T) { // as if it had listened before this replica began
		for _, off := range []time.Duration{-maxAge - time.Second, maxAge + time.Second} {
			old := forged
			old.from, old.sent = newName(), time.Now().Add(off).UnixMilli()
			sealed, err := seal(key, channel, old)
			expect(t, "seal", err, nil)
			publish(channel, sealed)
		}
	})
	t.Run("plays dead replica", func(t *testing.T) { // it takes the letter, but has no receipt to give
		nowhere := formatID(newName(), newName())
		home, _, _ := parseID(nowhere)
		fake := s.Client.Subscribe(t.Context(), a.prefix+home.String())
		defer fake.Close() //nolint:errcheck // it is the end
		if _, err := fake.Receive(t.Context()); err != nil {
			t.Fatal(err)
		}
		expect(t, "delivery", send(t, b, nowhere, alice, "x"), ErrUnavailable)
	})
	// What was published before is handled before this.
	expect(t, "a true message", send(t, b, id, alice, "end"), nil)
	box.holds(t, "end")
	eventually(t, "the log says it", func() bool { return log.count("event=relay_refused") > 0 })
	for _, secret := range []string{"secret", "alice", "forged body", id} {
		if log.count(secret) > 0 {
			t.Errorf("%q is in the log", secret)
		}
	}

	sealed, err := seal(key, channel, forged)
	expect(t, "seal", err, nil)
	publish(channel, sealed)
	eventually(t, "the same with the key arrives, so the test can fail", func() bool { return len(box) == 1 })
}

// TestDeploymentsAreApart: another issuer on the same Redis with the same key.
func TestDeploymentsAreApart(t *testing.T) {
	s := redistest.Start(t)
	key := newKey()
	other := config(s, key)
	other.Issuer = "https://other.example.com"
	a, b := replica(t, config(s, key)), replica(t, other)
	id, _ := register(t, a, alice, 1)
	atOnce(t, "delivery", func() error { return send(t, b, id, alice, "x") }, ErrNobody)
	a.Subscribe("tools", func([]byte) { t.Error("a broadcast of another deployment") })
	expect(t, "publish", b.Publish(t.Context(), "tools", nil), nil)
	expect(t, "own id", send(t, a, id, alice, "x"), nil)
}

// TestRotation walks two replicas through a rotation of the ring, one at a time.
func TestRotation(t *testing.T) {
	s := redistest.Start(t)
	old, young := newKey(), newKey()
	var mu sync.Mutex
	rings := [2][][]byte{{old}, {old}}
	var replicas [2]*Redis
	for i := range replicas {
		c := config(s)
		c.Keys = func() [][]byte {
			mu.Lock()
			defer mu.Unlock()
			return rings[i]
		}
		replicas[i] = replica(t, c)
	}
	for _, step := range [][][]byte{{old, young}, {young, old}, {young}} {
		for i := range replicas {
			mu.Lock()
			rings[i] = step
			mu.Unlock()
			for j := range replicas {
				id, box := register(t, replicas[j], alice, 1)
				expect(t, "delivery", send(t, replicas[1-j], id, alice, "x"), nil)
				box.holds(t, "x")
			}
		}
	}
	mu.Lock()
	rings[0] = [][]byte{old}
	mu.Unlock()
	id, _ := register(t, replicas[0], alice, 1)
	expect(t, "a key that is gone", send(t, replicas[1], id, alice, "x"), ErrUnavailable)
}
