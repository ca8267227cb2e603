//go:build unix

package relay

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mcp-oauth-server/crypto/replay/redisguard/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const issuer = "https://mcp.example.com"

var (
	alice = Owner{Subject: "alice", Client: "c1"}
	quiet = slog.New(slog.NewTextHandler(io.Discard, nil))
)

func newKey() []byte {
	key := make([]byte, 32)
	rand.Read(key) // it never fails
	return key
}

// config is for replicas of one deployment.
func config(s *redistest.Server, keys ...[]byte) Config {
	return Config{Redis: s.Options(), Keys: func() [][]byte { return keys }, Issuer: issuer, Now: time.Now, Log: quiet}
}

// replica starts a relay and waits until it can be reached.
func replica(t testing.TB, c Config) *Redis {
	t.Helper()
	r := NewRedis(c)
	t.Cleanup(func() { closeRelay(t, r) })
	becomes(t, r, true)
	return r
}

func closeRelay(t testing.TB, r Relay) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := r.Close(ctx); err != nil {
		t.Error(err)
	}
}

// logged collects a log.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), part)
}

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// becomes waits until the relay is up, or down.
func becomes(t testing.TB, r Relay, up bool) {
	t.Helper()
	eventually(t, "the relay changes its state", func() bool { return r.Up() == up })
}

func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

// mailbox is somebody who waits, with room.
type mailbox chan Message

func (m mailbox) put(message Message) error {
	select {
	case m <- message:
		return nil
	default:
		return ErrBusy
	}
}

func register(t testing.TB, r Relay, owner Owner, room int) (string, mailbox) {
	t.Helper()
	box := make(mailbox, room)
	reg, err := r.Register(owner, box.put)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reg.Release)
	return reg.ID, box
}

func send(t testing.TB, r Relay, id string, from Owner, body string) error {
	t.Helper()
	return r.Deliver(t.Context(), id, from, Message{KindMessage, []byte(body)})
}

func expect(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: %v, want %v", what, err, want)
	}
}

// holds asserts what the mailbox has got, and empties it.
func (m mailbox) holds(t testing.TB, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		select {
		case got := <-m:
			if !bytes.Equal(got.Body, []byte(body)) {
				t.Fatalf("got %.40q, want %.40q", got.Body, body)
			}
		default:
			t.Fatalf("%.40q did not arrive", body)
		}
	}
	if len(m) > 0 {
		t.Fatalf("%d messages more arrived", len(m))
	}
}

// atOnce asserts that an answer needs no timeout.
func atOnce(t testing.TB, what string, f func() error, want error) {
	t.Helper()
	begin := time.Now()
	expect(t, what, f(), want)
	if took := time.Since(begin); took > deliverTime*3/4 {
		t.Errorf("%s took %v", what, took)
	}
}
