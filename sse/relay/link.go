package relay

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// beatTime is between two pings on the subscription.
	beatTime = 500 * time.Millisecond
	// silence after which the subscription counts as broken. TCP alone would
	// notice a host that is gone after minutes.
	silence = 2 * time.Second
	// The wait before a new attempt to connect doubles from the one to the other.
	minWait = 50 * time.Millisecond
	maxWait = time.Second
	// youth is how long after a reconnection a replica that is not there may just
	// not be back: Redis was away for all of them.
	youth = 2 * maxWait
)

// link is whether the subscription stands.
type link struct {
	log *slog.Logger
	now func() time.Time

	mu     sync.Mutex
	isUp   bool
	broken bool      // and the log says so
	ever   bool      // has been up before
	again  time.Time // of the last reconnection
}

func (l *link) up() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.isUp
}

// young says whether the link has come back only just now.
func (l *link) young() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.again.IsZero() && l.now().Sub(l.again) < youth
}

func (l *link) rise() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ever {
		l.again = l.now()
	}
	if l.broken {
		l.log.Info("redis answers again", "event", "redis_up", "use", "relay")
	}
	l.isUp, l.ever, l.broken = true, true, false
}

func (l *link) fall(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.broken {
		l.log.Error("redis does not answer; other replicas cannot be reached", "event", "redis_down", "use", "relay", "err", err)
	}
	l.isUp, l.broken = false, true
}

// stayConnected subscribes again and again, until Close.
func (r *Redis) stayConnected() {
	wait := minWait
	for {
		err := r.subscription()
		if r.life.Err() != nil {
			return
		}
		if r.link.up() {
			wait = minWait
		}
		r.link.fall(err)
		// Not all replicas at the same moment.
		timer := time.NewTimer(wait/2 + rand.N(wait/2)) //nolint:gosec // G404: jitter, no secret
		select {
		case <-timer.C:
		case <-r.life.Done():
			timer.Stop()
			return
		}
		wait = min(2*wait, maxWait)
	}
}

// subscription is one connection's life. It returns why it ended.
func (r *Redis) subscription() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	channels := []string{r.prefix + r.home.String(), r.prefix + everybody}
	sub := r.client.Subscribe(r.life, channels...)
	begin := time.Now()
	var heard atomic.Int64 // when something came last, from the beginning
	ended := make(chan struct{})
	var heart sync.WaitGroup
	heart.Go(func() {
		r.beat(sub, ended, func() bool { return time.Since(begin)-time.Duration(heard.Load()) > silence })
	})
	defer func() {
		close(ended)
		sub.Close() //nolint:errcheck // nothing is left to lose
		heart.Wait()
	}()
	for {
		v, err := sub.Receive(r.life)
		if err != nil {
			return err
		}
		heard.Store(int64(time.Since(begin)))
		switch v := v.(type) {
		case *redis.Subscription:
			if v.Count == len(channels) {
				r.link.rise()
			}
		case *redis.Message:
			r.receive(v)
		}
	}
}

// beat pings, and closes the subscription when nothing comes back, or when the
// relay ends: reading from it knows no other way out.
func (r *Redis) beat(sub *redis.PubSub, ended <-chan struct{}, silent func() bool) {
	defer sub.Close() //nolint:errcheck // closing again is no harm
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("goroutine panicked", "event", "panic", "in", "relay heart", "err", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	ticker := time.NewTicker(beatTime)
	defer ticker.Stop()
	for {
		select {
		case <-ended:
			return
		case <-r.life.Done():
			return
		case <-ticker.C:
		}
		r.report()
		if silent() || sub.Ping(r.life) != nil {
			return
		}
	}
}
