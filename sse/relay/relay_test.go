//go:build unix

package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mcp-oauth-server/crypto/replay/redisguard/redistest"
)

// TestContract holds for every Relay and every pair of replicas.
func TestContract(t *testing.T) {
	s := redistest.Start(t)
	key := newKey()
	a, b, local := replica(t, config(s, key)), replica(t, config(s, key)), NewLocal(quiet)
	for _, pair := range []struct {
		name           string
		holder, sender Relay
	}{
		{"local", local, local},
		{"one replica with redis", a, a},
		{"two replicas", a, b},
		{"and back", b, a},
	} {
		t.Run(pair.name, func(t *testing.T) { contract(t, pair.holder, pair.sender) })
	}
}

func contract(t *testing.T, holder, sender Relay) {
	id, box := register(t, holder, alice, 2)
	_, other := register(t, holder, alice, 2)
	expect(t, "message", send(t, sender, id, alice, "hello"), nil)
	box.holds(t, "hello")
	expect(t, "empty", send(t, sender, id, alice, ""), nil)
	box.holds(t, "")
	large := strings.Repeat("x", MaxBody)
	expect(t, "largest", send(t, sender, id, alice, large), nil)
	box.holds(t, large)
	expect(t, "too large", send(t, sender, id, alice, large+"x"), ErrTooLarge)

	expect(t, "cancel", sender.Deliver(t.Context(), id, alice, Message{KindCancel, []byte("why")}), nil)
	if m := <-box; m.Kind != KindCancel || string(m.Body) != "why" {
		t.Errorf("a cancellation arrived as %v %q", m.Kind, m.Body)
	}

	for _, from := range []Owner{{}, {"alice", "c2"}, {"bob", "c1"}, {"bob", ""}, {"", "c1"}, {"alicec1", ""}} {
		atOnce(t, fmt.Sprint(from), func() error { return send(t, sender, id, from, "mine?") }, ErrNobody)
	}
	for _, wrong := range []string{"", "x", id[1:], id + "A", id[:42] + "!", id + "\n", id[:42] + "\n", id[:20] + "\r\n" + id[22:], id[:42] + "=", strings.ToUpper(id), otherSpelling(id)} {
		atOnce(t, wrong, func() error { return send(t, sender, wrong, alice, "mine?") }, ErrNobody)
	}
	box.holds(t)
	other.holds(t)

	expect(t, "first", send(t, sender, id, alice, "1"), nil)
	expect(t, "second", send(t, sender, id, alice, "2"), nil)
	atOnce(t, "no room", func() error { return send(t, sender, id, alice, "3") }, ErrBusy)
	box.holds(t, "1", "2")

	for _, answer := range []struct {
		handler Handler
		want    error
	}{
		{func(Message) error { return fmt.Errorf("full: %w", ErrBusy) }, ErrBusy},
		{func(Message) error { return ErrNobody }, ErrNobody},
		{func(Message) error { return errors.New("broken") }, ErrUnavailable},
		{func(Message) error { panic("at the worst moment") }, ErrUnavailable},
	} {
		reg, err := holder.Register(alice, answer.handler)
		expect(t, "register", err, nil)
		atOnce(t, "handler", func() error { return send(t, sender, reg.ID, alice, "x") }, answer.want)
		reg.Release()
		reg.Release()
		atOnce(t, "released", func() error { return send(t, sender, reg.ID, alice, "x") }, ErrNobody)
	}
	expect(t, "the others are still there", send(t, sender, id, alice, "still"), nil)
	box.holds(t, "still")
}

// otherSpelling changes the bits of the last character that carry nothing.
func otherSpelling(id string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return id[:42] + string(alphabet[strings.IndexByte(alphabet, id[42])^1])
}

// TestBroadcast reaches every subscriber of the topic on every replica, once.
func TestBroadcast(t *testing.T) {
	s := redistest.Start(t)
	key := newKey()
	a, b, local := replica(t, config(s, key)), replica(t, config(s, key)), NewLocal(quiet)
	for _, group := range [][]Relay{{local}, {a, b}} {
		var got [4]atomic.Int32
		var cancels []func()
		for i := range got {
			r := group[i%len(group)]
			cancels = append(cancels, r.Subscribe("tools", func(body []byte) {
				if string(body) == "changed" {
					got[i].Add(1)
				}
			}))
			cancels = append(cancels, r.Subscribe("prompts", func([]byte) { t.Error("a message of another topic") }))
			cancels = append(cancels, r.Subscribe("tools", func([]byte) { panic("one subscriber's fault") }))
		}
		for range 3 {
			expect(t, "publish", group[0].Publish(t.Context(), "tools", []byte("changed")), nil)
		}
		for i := range got {
			eventually(t, "three at each", func() bool { return got[i].Load() == 3 })
		}
		for _, cancel := range cancels {
			cancel()
			cancel()
		}
		expect(t, "nobody listens", group[0].Publish(t.Context(), "tools", []byte("changed")), nil)
		expect(t, "too large", group[0].Publish(t.Context(), "tools", make([]byte, MaxBody+1)), ErrTooLarge)
		for i := range got {
			if n := got[i].Load(); n != 3 {
				t.Errorf("subscriber %d got %d", i, n)
			}
		}
	}
}

// TestAnotherReplicasID is not silence, with and without Redis.
func TestAnotherReplicasID(t *testing.T) {
	s := redistest.Start(t)
	key := newKey()
	id, _ := register(t, NewLocal(quiet), alice, 1)
	atOnce(t, "local", func() error { return send(t, NewLocal(quiet), id, alice, "x") }, ErrNobody)
	r := replica(t, config(s, key))
	atOnce(t, "redis, no such replica", func() error { return send(t, r, id, alice, "x") }, ErrNobody)

	gone := replica(t, config(s, key))
	id, box := register(t, gone, alice, 1)
	expect(t, "alive", send(t, r, id, alice, "x"), nil)
	box.holds(t, "x")
	closeRelay(t, gone)
	atOnce(t, "gone", func() error { return send(t, r, id, alice, "x") }, ErrNobody)
}

// TestClose ends deliveries that wait, and everything else is refused.
func TestClose(t *testing.T) {
	s := redistest.Start(t)
	key := newKey()
	a, b := replica(t, config(s, key)), replica(t, config(s, key))
	entered, leave := make(chan struct{}), make(chan struct{})
	reg, err := a.Register(alice, func(Message) error { close(entered); <-leave; return nil })
	expect(t, "register", err, nil)
	result := make(chan error, 1)
	go func() { result <- send(t, b, reg.ID, alice, "x") }()
	<-entered
	closeRelay(t, b)
	expect(t, "the waiting delivery", <-result, ErrUnavailable)

	soon, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	expect(t, "a handler that hangs", a.Close(soon), context.DeadlineExceeded)
	close(leave)
	closeRelay(t, a)
	for _, r := range []Relay{a, b} {
		_, err = r.Register(alice, func(Message) error { return nil })
		expect(t, "register after close", err, ErrUnavailable)
		expect(t, "publish after close", r.Publish(t.Context(), "tools", nil), ErrUnavailable)
	}
}

// TestManyAtOnce delivers 1,000 messages at once, each to its own registration:
// none is lost, none arrives twice, none arrives elsewhere.
func TestManyAtOnce(t *testing.T) {
	s := redistest.Start(t)
	key := newKey()
	replicas := []*Redis{replica(t, config(s, key)), replica(t, config(s, key))}
	const n = 1000
	var ids [n]string
	var boxes [n]mailbox
	for i := range n {
		ids[i], boxes[i] = register(t, replicas[i%2], Owner{Subject: fmt.Sprint(i)}, 4)
	}
	var wg sync.WaitGroup
	var late atomic.Int32
	for i := range n {
		wg.Go(func() {
			err := send(t, replicas[i/2%2], ids[i], Owner{Subject: fmt.Sprint(i)}, fmt.Sprint("for ", i))
			if errors.Is(err, ErrUnavailable) { // on a machine that has too much to do
				late.Add(1)
			} else if err != nil {
				t.Error(i, err)
			}
		})
	}
	wg.Wait()
	for i := range n {
		if late.Load() == 0 || len(boxes[i]) > 0 {
			boxes[i].holds(t, fmt.Sprint("for ", i))
		}
	}
	if late.Load() > n/10 {
		t.Errorf("%d of %d got no receipt in time", late.Load(), n)
	}
	for _, r := range replicas {
		if len(r.receipts.waiting) > 0 {
			t.Error("a receipt is waited for by nobody")
		}
		eventually(t, "all bytes are given back", func() bool { return r.outgoing.TryAcquire(maxOutgoing) })
		eventually(t, "all bytes are given back", func() bool { return r.inbox.incoming.TryAcquire(maxIncoming) })
	}
}

// TestRegistrationsAreBounded fills a replica.
func TestRegistrationsAreBounded(t *testing.T) {
	r := NewLocal(quiet)
	var last *Registration
	for range MaxRegistrations {
		last, _ = r.Register(alice, nil)
	}
	_, err := r.Register(alice, nil)
	expect(t, "one more", err, ErrBusy)
	last.Release()
	_, err = r.Register(alice, nil)
	expect(t, "a place is free", err, nil)
}

// TestHandlersThatBlock break their promise. The memory stays bounded, nobody is
// told of a success, and afterwards all is well.
func TestHandlersThatBlock(t *testing.T) {
	s := redistest.Start(t)
	key := newKey()
	a, b := replica(t, config(s, key)), replica(t, config(s, key))
	leave := make(chan struct{})
	var kept atomic.Int64
	reg, err := a.Register(alice, func(m Message) error {
		<-leave
		kept.Add(int64(len(m.Body)))
		return nil
	})
	expect(t, "register", err, nil)
	body := bytes.Repeat([]byte("x"), MaxBody)
	for range 3 { // 24 MiB at a time: Redis drops subscribers with 32 MiB unread
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				if err := b.Deliver(t.Context(), reg.ID, alice, Message{KindMessage, body}); !errors.Is(err, ErrUnavailable) {
					t.Error("blocked:", err)
				}
			})
		}
		wg.Wait()
	}
	close(leave)
	eventually(t, "what was kept is handed out", func() bool { return a.inbox.incoming.TryAcquire(maxIncoming) })
	a.inbox.incoming.Release(maxIncoming)
	if n := kept.Load(); n == 0 || n > maxIncoming {
		t.Errorf("%d bytes were kept for a handler that blocks", n)
	}
	id, box := register(t, a, alice, 1)
	eventually(t, "delivery works again", func() bool { return send(t, b, id, alice, "x") == nil })
	box.holds(t, "x")
}
