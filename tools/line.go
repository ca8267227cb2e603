package tools

import "sync"

// line is a handler's way to its client, which it can lose: a handler may keep
// its Context, or leave a goroutine behind that does, and what the protocol lends
// it is used again, for another user's call.
type line struct {
	mu     sync.Mutex
	client Client // nil if there is no way, or none any more
	taken  int    // how often it is in use right now
}

// take returns the client, which must be given back; nil if there is no way.
func (l *line) take() Client {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.client != nil {
		l.taken++
	}
	return l.client
}

func (l *line) giveBack() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken--
}

// cut ends the way, and tells the client if nobody is on it.
func (l *line) cut() {
	l.mu.Lock()
	client, free := l.client, l.taken == 0
	l.client = nil
	l.mu.Unlock()
	if client != nil && free {
		client.Return()
	}
}
