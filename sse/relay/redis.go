package relay

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"golang.org/x/sync/semaphore"
)

const (
	// deliverTime is how long a delivery may take, receipt included.
	deliverTime = time.Second
	// maxOutgoing bounds the bytes that wait for Redis: 64 MiB.
	maxOutgoing = 64 << 20
)

// Config says what a Redis needs. All fields are required.
type Config struct {
	// Redis is where: address, credentials, TLS, database. Timeouts and retries
	// are the relay's own.
	Redis *redis.Options
	// Keys returns the keys that letters are protected with, at least one: the
	// first seals, all open. Each is 32 secret bytes for this purpose alone, the same at every
	// replica. It is called for each letter.
	Keys func() [][]byte
	// Issuer is the deployment, whose channels are kept apart from those of others.
	Issuer string
	Now    func() time.Time
	Log    *slog.Logger
}

// Redis is the Relay of a replica that has others. Its connection comes back by
// itself.
type Redis struct {
	registry
	config Config
	client *redis.Client
	prefix string // of the channels of this deployment

	numbers  atomic.Uint64 // of letters sent
	receipts receipts
	outgoing *semaphore.Weighted
	inbox    inbox
	link     link

	life context.Context // ends with Close
	end  context.CancelFunc
	work sync.WaitGroup
	over chan struct{} // closed when all work has ended, and the connections
}

var _ Relay = (*Redis)(nil)

// NewRedis returns a Redis and begins to connect.
func NewRedis(c Config) *Redis {
	o := *c.Redis
	o.MaxRetries = -1 // a letter published again would be refused; and deliverTime is short
	o.DialerRetries = 1
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = deliverTime, deliverTime, deliverTime, deliverTime
	o.ContextTimeoutEnabled = true
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	r := &Redis{
		registry: newRegistry(c.Log),
		config:   c,
		client:   redis.NewClient(&o),
		prefix:   "mcp-oauth-server:" + digest(c.Issuer) + ":relay:",
		receipts: receipts{waiting: make(map[uint64]expected)},
		outgoing: semaphore.NewWeighted(maxOutgoing),
		inbox:    newInbox(),
		link:     link{log: c.Log, now: c.Now},
		over:     make(chan struct{}),
	}
	r.life, r.end = context.WithCancel(context.Background())
	r.start()
	return r
}

// start runs the goroutines: one that receives, and a few that hand out.
func (r *Redis) start() {
	r.work.Go(func() {
		defer close(r.inbox.letters)
		r.stayConnected()
	})
	for range workers {
		r.work.Go(r.handOut)
	}
	go func() {
		r.work.Wait()
		r.client.Close() //nolint:errcheck // nothing is left to lose
		close(r.over)
	}()
}

// Deliver implements Relay. Decisions, in order: a registration of this replica
// is handed its message directly; without a subscription there could be no
// receipt; without a subscriber there is no such replica; then the receipt says.
func (r *Redis) Deliver(ctx context.Context, id string, from Owner, m Message) error {
	home, place, ok := parseID(id)
	switch {
	case len(m.Body) > MaxBody:
		return ErrTooLarge
	case !ok:
		return ErrNobody
	case home == r.home:
		return r.hand(place, from, m)
	case !r.link.up():
		return ErrUnavailable
	}
	ctx, cancel := context.WithTimeout(ctx, deliverTime)
	defer cancel()
	l := letter{purpose: delivery, to: place, owner: from, kind: m.Kind, body: m.Body, number: r.numbers.Add(1)}
	answer := r.receipts.expect(l.number, home)
	defer r.receipts.forget(l.number)
	switch receivers, err := r.post(ctx, home.String(), l); {
	case err != nil:
		return err
	case receivers == 0 && r.link.young():
		return ErrUnavailable // the others may not be back yet
	case receivers == 0:
		return ErrNobody
	}
	select {
	case o := <-answer:
		return o.err()
	case <-r.life.Done():
		return ErrUnavailable
	case <-ctx.Done():
		return fmt.Errorf("%w: no receipt", ErrUnavailable)
	}
}

// Publish implements Relay.
func (r *Redis) Publish(ctx context.Context, topic string, body []byte) error {
	if len(body) > MaxBody {
		return ErrTooLarge
	}
	r.announce(topic, body)
	if !r.link.up() {
		return ErrUnavailable
	}
	ctx, cancel := context.WithTimeout(ctx, deliverTime)
	defer cancel()
	_, err := r.post(ctx, everybody, letter{purpose: broadcast, topic: topic, body: body, number: r.numbers.Add(1)})
	return err
}

// everybody is the address that all replicas listen to, beside their own.
const everybody = "all"

// post seals and publishes a letter, and returns how many received it. The error
// is one of this package.
func (r *Redis) post(ctx context.Context, address string, l letter) (receivers int64, err error) {
	size := int64(l.size())
	if !r.outgoing.TryAcquire(size) {
		return 0, ErrBusy
	}
	defer r.outgoing.Release(size)
	l.from, l.sent = r.home, r.config.Now().UnixMilli()
	channel := r.prefix + address
	sealed, err := seal(r.config.Keys()[0], channel, l)
	if err != nil {
		return 0, err
	}
	receivers, err = r.client.Publish(ctx, channel, sealed).Result()
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return receivers, nil
}

// Up implements Relay.
func (r *Redis) Up() bool { return r.link.up() }

// Close implements Relay. Messages that were received are still handed out.
func (r *Redis) Close(ctx context.Context) error {
	r.shut()
	r.end()
	select {
	case <-r.over:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("closing the relay: %w", ctx.Err())
	}
}

// receipts are the deliveries that wait for one.
type receipts struct {
	mu      sync.Mutex
	waiting map[uint64]expected
}

type expected struct {
	from   name
	answer chan outcome // has room for the one answer
}

func (r *receipts) expect(number uint64, from name) <-chan outcome {
	e := expected{from, make(chan outcome, 1)}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting[number] = e
	return e.answer
}

func (r *receipts) forget(number uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waiting, number)
}

// settle passes a receipt on, if somebody still waits for it.
func (r *receipts) settle(l letter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e, ok := r.waiting[l.about]; ok && e.from == l.from {
		delete(r.waiting, l.about)
		e.answer <- l.outcome
	}
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
