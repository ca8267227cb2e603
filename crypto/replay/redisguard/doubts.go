package redisguard

import (
	"sync"
	"time"
)

// maxDoubts bounds the memory. The breaker opens long before so many answers
// are lost; what does not fit is forgotten, and its id then counts as spent if
// Redis did set it.
const maxDoubts = 4096

// doubts remembers values of which this replica does not know whether Redis set
// them. The zero value needs now to be set.
type doubts struct {
	now func() time.Time

	mu    sync.Mutex
	byKey map[string]doubt
}

type doubt struct {
	value string
	until time.Time
}

// find returns the value that was tried under the key.
func (d *doubts) find(key string) (value string, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	known, ok := d.byKey[key]
	return known.value, ok
}

// add remembers a value until Redis has forgotten it. Of several requests for
// one key in doubt, the first value stays: they all try that one again.
func (d *doubts) add(key, value string, until time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byKey == nil {
		d.byKey = make(map[string]doubt)
	}
	if _, known := d.byKey[key]; known {
		return
	}
	if len(d.byKey) >= maxDoubts && !d.sweep() {
		return
	}
	d.byKey[key] = doubt{value, until}
}

// settle ends the doubt. Exactly one caller gets true: Redis cannot tell two
// requests apart that carry the same value, so this decides between them.
func (d *doubts) settle(key, value string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if known, ok := d.byKey[key]; !ok || known.value != value {
		return false
	}
	delete(d.byKey, key)
	return true
}

// sweep forgets what is over, and says whether there is room.
func (d *doubts) sweep() bool {
	now := d.now()
	for key, known := range d.byKey {
		if !known.until.After(now) {
			delete(d.byKey, key)
		}
	}
	return len(d.byKey) < maxDoubts
}
