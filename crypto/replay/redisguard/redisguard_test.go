//go:build unix

package redisguard

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"mcp-oauth-server/crypto/replay"
	"mcp-oauth-server/crypto/replay/redisguard/redistest"
)

// The cached clock of the client library runs for as long as the process.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const issuer = "https://mcp.example.com"

// clock is the time of the guards under test; it moves when it is told to.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.offset.Load())) }
func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

func newGuard(t testing.TB, o *redis.Options, c *clock) *Guard {
	g := New(Config{Redis: o, Issuer: issuer, Now: c.now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	t.Cleanup(func() { g.Close() }) // nothing is left to lose
	return g
}

func spend(t testing.TB, g *Guard, id string) error {
	t.Helper()
	begin := time.Now()
	err := g.Spend(t.Context(), id, g.now().Add(time.Minute))
	if took := time.Since(begin); took > 2*opTime+time.Second {
		t.Errorf("Spend took %v", took)
	}
	return err
}

func expect(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: %v, want %v", what, err, want)
	}
}

func TestOnceOverAllReplicas(t *testing.T) {
	s := redistest.Start(t)
	a, b := newGuard(t, s.Options(), &clock{}), newGuard(t, s.Options(), &clock{})
	for _, id := range []string{"code-1", "", "with\r\nDEL *\r\n", "{tag}", "\x00\xff", string(make([]byte, 1<<16))} {
		expect(t, "first", spend(t, a, id), nil)
		expect(t, "same replica", spend(t, a, id), replay.ErrSpent)
		expect(t, "other replica", spend(t, b, id), replay.ErrSpent)
	}
}

func TestDeploymentsAreApart(t *testing.T) {
	s := redistest.Start(t)
	a, b := newGuard(t, s.Options(), &clock{}), newGuard(t, s.Options(), &clock{})
	b.prefix = New(Config{Redis: s.Options(), Issuer: "https://other.example.com", Now: time.Now}).prefix
	expect(t, "one deployment", spend(t, a, "id"), nil)
	expect(t, "the other", spend(t, b, "id"), nil)
}

func TestOneOfManyWins(t *testing.T) {
	s := redistest.Start(t)
	guards := []*Guard{newGuard(t, s.Options(), &clock{}), newGuard(t, s.Options(), &clock{})}
	for round := range 10 {
		var won, spent atomic.Int32
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				switch err := guards[i%2].Spend(t.Context(), "id"+strconv.Itoa(round), time.Now().Add(time.Minute)); {
				case err == nil:
					won.Add(1)
				case errors.Is(err, replay.ErrSpent):
					spent.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 || spent.Load() != 49 {
			t.Fatalf("%d of 50 won and %d were refused", won.Load(), spent.Load())
		}
	}
}

func TestRedisForgets(t *testing.T) {
	s := redistest.Start(t)
	c := &clock{}
	g := newGuard(t, s.Options(), c)
	c.advance(-20 * time.Second) // this replica's clock is behind; Redis counts from its own
	for _, left := range []time.Duration{time.Minute, 0, -time.Hour} {
		id := left.String()
		expect(t, "spend", g.Spend(t.Context(), id, c.now().Add(left)), nil)
		life, err := s.Client.PTTL(t.Context(), g.prefix+digest(id)).Result()
		want := max(left, 0) + skew
		if err != nil || life > want || life < want-10*time.Second {
			t.Errorf("with %v left Redis keeps the id for %v (%v), want %v", left, life, err, want)
		}
	}
}

// TestTrouble breaks Redis in every way. Whatever it is, the answer is that the
// guard cannot tell; and when it is over, the same id is good, at any replica.
func TestTrouble(t *testing.T) {
	for _, trouble := range []struct {
		name       string
		begin, end func(s *redistest.Server)
	}{
		{"down", (*redistest.Server).Kill, (*redistest.Server).Restart},
		{"hanging", (*redistest.Server).Pause, (*redistest.Server).Resume},
		{
			"out of memory",
			func(s *redistest.Server) { s.Do("CONFIG", "SET", "maxmemory", "1") },
			func(s *redistest.Server) { s.Do("CONFIG", "SET", "maxmemory", "0") },
		},
		{
			"read-only",
			func(s *redistest.Server) { s.Do("REPLICAOF", "127.0.0.1", "1") },
			func(s *redistest.Server) { s.Do("REPLICAOF", "NO", "ONE") },
		},
		{
			"wrong password",
			func(s *redistest.Server) {
				s.Do("CONFIG", "SET", "requirepass", "changed")
				s.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
			},
			func(s *redistest.Server) { s.Do("CONFIG", "SET", "requirepass", "") },
		},
		{
			"no rights",
			func(s *redistest.Server) { s.Do("ACL", "SETUSER", "default", "-set") },
			func(s *redistest.Server) { s.Do("ACL", "SETUSER", "default", "+set") },
		},
		{
			"writes suspended",
			func(s *redistest.Server) { s.Do("CLIENT", "PAUSE", "60000", "WRITE") },
			func(s *redistest.Server) { s.Do("CLIENT", "UNPAUSE") },
		},
	} {
		t.Run(trouble.name, func(t *testing.T) {
			s := redistest.Start(t)
			c := &clock{}
			a, b := newGuard(t, s.Options(), c), newGuard(t, s.Options(), c)
			expect(t, "before", spend(t, a, "before"), nil)
			trouble.begin(s)
			for range tripAfter + 2 {
				expect(t, "during", spend(t, a, "id"), replay.ErrUnavailable)
			}
			begin := time.Now()
			expect(t, "breaker open", spend(t, a, "id"), replay.ErrUnavailable)
			if took := time.Since(begin); took > opTime/2 {
				t.Errorf("with an open breaker the answer took %v", took)
			}
			trouble.end(s)
			expect(t, "other replica", until(t, b, c, "id"), nil)
			expect(t, "the same", until(t, a, c, "id"), replay.ErrSpent)
			expect(t, "after", until(t, a, c, "after"), nil)
		})
	}
}

// until tries like a client that honours Retry-After: until there is an answer,
// and for at most ten seconds. The connection pool tries by itself once a second.
func until(t testing.TB, g *Guard, c *clock, id string) error {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err := spend(t, g, id); !errors.Is(err, replay.ErrUnavailable) {
			return err
		}
		c.advance(openTime)
	}
	return replay.ErrUnavailable
}

// TestLogSaysItOnce: an outage is two lines, however many users are refused.
func TestLogSaysItOnce(t *testing.T) {
	s := redistest.Start(t)
	c := &clock{}
	g := newGuard(t, s.Options(), c)
	var log bytes.Buffer
	g.log = slog.New(slog.NewTextHandler(&log, nil))
	for n := range 2 {
		s.Kill()
		for range 5 * tripAfter {
			expect(t, "down", spend(t, g, "a-code-id"), replay.ErrUnavailable)
			c.advance(openTime)
		}
		s.Restart()
		expect(t, "up", until(t, g, c, "a-code-id"), nil)
		down, up := strings.Count(log.String(), "event=redis_down"), strings.Count(log.String(), "event=redis_up")
		if down != n+1 || up != n+1 || strings.Contains(log.String(), "a-code-id") {
			t.Fatalf("after %d outages the log is\n%s", n+1, &log)
		}
	}
}

// TestStartsWithoutRedis has Redis come up after the server.
func TestStartsWithoutRedis(t *testing.T) {
	s := redistest.Start(t)
	s.Kill()
	c := &clock{}
	g := newGuard(t, s.Options(), c)
	expect(t, "down", spend(t, g, "id"), replay.ErrUnavailable)
	s.Restart()
	expect(t, "up", until(t, g, c, "id"), nil)
}

// TestCallerGivesUp: a request that is over must not count against Redis.
func TestCallerGivesUp(t *testing.T) {
	s := redistest.Start(t)
	g := newGuard(t, s.Options(), &clock{})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 * tripAfter {
		expect(t, "gone", g.Spend(gone, "id", time.Now().Add(time.Minute)), replay.ErrUnavailable)
	}
	expect(t, "next", spend(t, g, "id"), nil)
}

// TestPassword connects with credentials, and says no secret when they are wrong.
func TestPassword(t *testing.T) {
	s := redistest.Start(t, "--requirepass", "correct-horse")
	expect(t, "right", spend(t, newGuard(t, s.Options(), &clock{}), "id"), nil)
	o := s.Options()
	o.Password = "wrong-horse"
	err := spend(t, newGuard(t, o, &clock{}), "other")
	expect(t, "wrong", err, replay.ErrUnavailable)
	if text := err.Error(); len(text) > 200 || strings.Contains(text, "horse") {
		t.Errorf("the error says %q", text)
	}
}

func BenchmarkSpend(b *testing.B) {
	s := redistest.Start(b)
	g := newGuard(b, s.Options(), &clock{})
	var n atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := g.Spend(b.Context(), strconv.FormatInt(n.Add(1), 10), time.Now().Add(time.Second)); err != nil {
				b.Error(err)
			}
		}
	})
}
