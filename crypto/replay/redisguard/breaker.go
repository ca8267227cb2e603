package redisguard

import (
	"sync"
	"time"
)

const (
	// tripAfter failures in a row open the breaker.
	tripAfter = 5
	// openTime is how long it stays open, then one request tries.
	openTime = 2 * time.Second
)

// breaker is a circuit breaker. Closed, it lets everything through. Open, it
// lets nothing through, and after openTime a single trial: if that succeeds it
// closes, else it stays open for as long again. So a Redis that comes back is
// not met by everybody who waited.
type breaker struct {
	now func() time.Time

	mu       sync.Mutex
	failures int       // in a row
	retry    time.Time // when open: the next trial
	trying   bool      // the trial is under way
}

// allow says whether a request may go to Redis. If so, one of success, failure
// and abandon must follow.
func (b *breaker) allow() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures < tripAfter {
		return true
	}
	if b.trying || b.now().Before(b.retry) {
		return false
	}
	b.trying = true
	return true
}

// success closes the breaker. It returns whether it was open.
func (b *breaker) success() (wasOpen bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	wasOpen = b.failures >= tripAfter
	b.failures, b.trying = 0, false
	return wasOpen
}

// failure counts. It returns whether the breaker opened by it.
func (b *breaker) failure() (opened bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures++
	b.trying = false
	if b.failures >= tripAfter {
		b.retry = b.now().Add(openTime)
	}
	return b.failures == tripAfter
}

// abandon says that the request ended without telling anything.
func (b *breaker) abandon() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trying = false
}
