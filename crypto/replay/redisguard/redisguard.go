// Package redisguard is the replay guard that all replicas share: an id spent
// at one of them is spent at every other (RFC 6749 §4.1.2). It implements
// replay.Guard with one Redis key per id, which Redis forgets by itself.
//
// Spend asks two questions, in this order:
//
//	GET key               spent already? (also: does Redis answer at all?)
//	SET key value NX PX   Redis lets exactly one attempt win
//
// The SET alone decides. The GET stands in front of it because a Redis that
// hangs must not burn an id: commands wait in its socket and are carried out
// when it wakes, long after the user was told to try again. With the GET first,
// what waits there is a read. Whatever goes wrong (down, hanging, out of memory,
// read-only, wrong password), the answer is replay.ErrUnavailable and the id is
// still good.
//
// One case is left: Redis answers the GET and then loses the answer to the SET.
// The replica remembers the value it tried to set, so the same request, tried
// again, finds its own value and goes on. At another replica, or after a
// restart, such an id counts as spent: the safe side. For the same reason no
// command is ever repeated by the client library.
//
// While Redis is in trouble a circuit breaker answers at once instead of letting
// every request wait for the timeout.
//
// The keys are digests under a prefix of the deployment, so any id is safe in
// them, and several deployments can share a Redis. They are not authenticated:
// whoever may delete keys can make a spent code good again for its PKCE holder
// until it expires, so a shared Redis needs an ACL for the prefix. A Redis that
// loses its data, or fails over to a replica that lags, forgets what was spent
// within the lifetime of a code.
package redisguard

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"mcp-oauth-server/crypto/replay"
)

const (
	// opTime is how long Redis may take for one question, connecting included.
	opTime = 250 * time.Millisecond
	// skew is kept on top of an id's remaining life: a replica whose clock is
	// behind takes a code for longer than the one that spent it thought.
	skew = time.Minute
)

// Config says what a Guard needs. All fields are required.
type Config struct {
	// Redis is where: address, credentials, TLS, database. Timeouts and retries
	// are the guard's own, because its promise depends on them.
	Redis *redis.Options
	// Issuer is the deployment, whose ids are kept apart from those of others.
	Issuer string
	Now    func() time.Time
	Log    *slog.Logger
}

// Guard is a replay.Guard in Redis. It is safe for concurrent use.
type Guard struct {
	client  *redis.Client
	prefix  string
	now     func() time.Time
	log     *slog.Logger
	breaker breaker
	doubts  doubts
}

var _ replay.Guard = (*Guard)(nil)

// New returns a Guard. It does not connect: Redis may come up later.
func New(c Config) *Guard {
	o := *c.Redis
	o.MaxRetries = -1 // a repeated SET NX would find its own first try, and call the id spent
	o.DialerRetries = 1
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = opTime, opTime, opTime, opTime
	o.ContextTimeoutEnabled = true
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return &Guard{
		client:  redis.NewClient(&o),
		prefix:  "mcp-oauth-server:" + digest(c.Issuer) + ":spent:",
		now:     c.Now,
		log:     c.Log,
		breaker: breaker{now: c.Now},
		doubts:  doubts{now: c.Now},
	}
}

// Spend implements replay.Guard. It takes at most half a second.
func (g *Guard) Spend(ctx context.Context, id string, until time.Time) error {
	if !g.breaker.allow() {
		return replay.ErrUnavailable
	}
	err := g.spend(ctx, id, until)
	if err == nil || errors.Is(err, replay.ErrSpent) {
		if g.breaker.success() {
			g.log.Info("redis answers again", "event", "redis_up", "use", "replay")
		}
		return err
	}
	if ctx.Err() != nil { // the caller gave up; that says nothing about Redis
		g.breaker.abandon()
	} else if g.breaker.failure() {
		g.log.Error("redis does not answer; codes cannot be redeemed", "event", "redis_down", "use", "replay", "err", err)
	}
	return err
}

// spend asks the two questions.
func (g *Guard) spend(ctx context.Context, id string, until time.Time) error {
	key := g.prefix + digest(id)
	mine, doubtful := g.doubts.find(key)
	if !doubtful {
		mine = rand.Text()
	}
	switch held, err := g.get(ctx, key); {
	case err != nil:
		return unavailable(err)
	case held == "":
	case doubtful && held == mine && g.doubts.settle(key, mine):
		return nil // the earlier SET did happen, and nobody was told
	default:
		return replay.ErrSpent
	}

	life := max(until.Sub(g.now()), 0) + skew
	switch won, err := g.set(ctx, key, mine, life); {
	case err != nil:
		var answer redis.Error
		if !errors.As(err, &answer) { // Redis refused nothing: it may have happened
			g.doubts.add(key, mine, g.now().Add(life))
		}
		return unavailable(err)
	case doubtful && (!won || !g.doubts.settle(key, mine)):
		// The earlier SET arrived just now, or the same request runs twice: the
		// next try sees which.
		return replay.ErrUnavailable
	case !won:
		return replay.ErrSpent
	}
	return nil
}

// get returns the value of the key, or "" if there is none.
func (g *Guard) get(ctx context.Context, key string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, opTime)
	defer cancel()
	value, err := g.client.Get(ctx, key).Result()
	if errors.Is(err, redis.Nil) {
		return "", nil
	}
	return value, err
}

// set writes the key unless it exists.
func (g *Guard) set(ctx context.Context, key, value string, life time.Duration) (won bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, opTime)
	defer cancel()
	err = g.client.SetArgs(ctx, key, value, redis.SetArgs{Mode: "NX", TTL: life}).Err()
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	return err == nil, err
}

// Close ends the connections.
func (g *Guard) Close() error { return g.client.Close() }

func unavailable(err error) error {
	return fmt.Errorf("%w: %w", replay.ErrUnavailable, err)
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
