package upstream

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	documentAge  = time.Hour        // a document older than this is fetched again before it is used
	renewalGap   = 10 * time.Second // between two fetches that worked
	firstRetry   = 2 * time.Second  // after a fetch that did not work; doubles up to lastRetry
	lastRetry    = 10 * time.Second
	loadFlightID = "load"
)

// document is something the provider publishes: its metadata, its keys. It is fetched when it is first needed, by one
// caller for all, and kept; when a fetch fails the last good one stays. Three attacks on us or on the provider end here:
// a provider that is down costs one call per pause and not one per login, tokens with invented key ids cannot make us
// fetch more often than [renewalGap], and a provider that breaks its own document does not break running logins.
type document[T any] struct {
	name  string
	fetch func(context.Context) (T, error)
	now   func() time.Time
	log   *slog.Logger

	flight singleflight.Group

	mu       sync.Mutex // guards what follows
	value    T
	good     bool      // value has been fetched
	fetched  time.Time // when
	rest     time.Time // no fetch before
	failures int       // in a row
	err      error     // of the last fetch
}

// get answers the document, from memory while it is young.
func (d *document[T]) get(ctx context.Context) (T, error) {
	d.mu.Lock()
	value, young := d.value, d.good && d.now().Before(d.fetched.Add(documentAge))
	d.mu.Unlock()
	if young {
		return value, nil
	}
	return d.renew(ctx)
}

// renew fetches the document unless that happened a moment ago, and answers the last good one.
func (d *document[T]) renew(ctx context.Context) (T, error) {
	if d.due() {
		// The fetch serves every caller who waits, so it does not end when the first of them leaves.
		shared := context.WithoutCancel(ctx)
		done := d.flight.DoChan(loadFlightID, func() (any, error) { d.load(shared); return nil, nil })
		select {
		case <-done:
		case <-ctx.Done():
			var none T
			return none, unavailable("%s", networkReason(ctx.Err()))
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.good {
		return d.value, nil
	}
	return d.value, d.err
}

func (d *document[T]) due() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.now().Before(d.rest)
}

// load fetches once. It runs on a goroutine of its own, where a panic would end the process.
func (d *document[T]) load(ctx context.Context) {
	if !d.due() {
		return // The caller before us has just done it.
	}
	var value T
	err := unavailable("reading it panicked")
	func() {
		defer func() {
			if cause := recover(); cause != nil {
				d.log.Error("reading a document of the identity provider panicked", "event", "upstream_panic", "document", d.name, "panic", cause)
			}
		}()
		value, err = d.fetch(ctx)
	}()
	d.keep(value, err)
}

func (d *document[T]) keep(value T, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.err = asUnavailable(d.name, err)
		d.rest = d.now().Add(min(firstRetry<<min(d.failures, 8), lastRetry))
		d.failures++
		d.log.Warn("the identity provider cannot be used", "event", "upstream_fetch_failed", "document", d.name, "failures", d.failures, "kept", d.good, "err", d.err)
		return
	}
	if d.failures > 0 {
		d.log.Info("the identity provider can be used again", "event", "upstream_fetch_recovered", "document", d.name, "failures", d.failures)
	}
	now := d.now()
	d.value, d.good, d.fetched, d.rest, d.failures, d.err = value, true, now, now.Add(renewalGap), 0, nil
}
