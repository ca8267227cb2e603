package e2e

import (
	"strings"
	"sync"
)

// secrets are all keys, codes, tokens, verifiers and passwords that the tests of this run have seen.
var secrets canaries

// canaries is a set of strings that must not appear in any log.
type canaries struct {
	mu   sync.Mutex
	seen []string
}

// add remembers secrets; short strings are left out, since they would be found by chance.
func (c *canaries) add(values ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, v := range values {
		if len(v) >= 16 {
			c.seen = append(c.seen, v)
		}
	}
}

// in returns a secret that the text holds, or "". It takes seconds for a long log,
// and holds up nobody who learns a secret meanwhile: a token may live as short.
func (c *canaries) in(text string) string {
	c.mu.Lock()
	seen := c.seen // only ever appended to
	c.mu.Unlock()
	for _, v := range seen {
		if strings.Contains(text, v) {
			return v
		}
	}
	return ""
}
