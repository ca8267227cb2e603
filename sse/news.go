package sse

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/valyala/fasthttp"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/sse/mcp"
	"mcp-oauth-server/tools"
)

// listen serves an accepted subscriptions/listen: a stream like a legacy one,
// under the same caps, which ends with the result of the request.
func (e *Endpoint) listen(v *visit, l *mcp.Listen) {
	p := v.principal
	st := &stream{id: artifact.NewID(), subject: p.Subject, client: p.ClientID, opened: e.Now(), listen: l}
	st.expires = st.limited(p.Expires)
	if e.admitStream(v, st) {
		e.hijack(v, st, appendEvent(responseHead(v.origin), "message", l.First))
	}
}

// Announce tells the streams of all replicas of a change. It returns when the
// replicas have heard of it; the streams are told soon after.
func (e *Endpoint) Announce(c tools.Change) {
	body, err := json.Marshal(c)
	if err == nil {
		err = e.Relay.Publish(context.Background(), topicChange, body)
	}
	if err != nil {
		e.Log.Warn("a change was announced on this replica only", "event", "announce", "err", err)
	}
}

func (e *Endpoint) hearChange(body []byte) {
	var c tools.Change
	if json.Unmarshal(body, &c) != nil || e.OpenStreams() == 0 {
		return // nobody to tell
	}
	if !e.list().news.add(c) {
		e.Log.Warn("too many changes at once; one was not announced", "event", "announce")
	}
}

// maxNews bounds the changes that wait to be told: so many resources.
const maxNews = 1024

// news are changes that the streams are yet to be told of. One that comes again
// before that is told once.
type news struct {
	mu      sync.Mutex
	pending []tools.Change
	wake    chan struct{} // has room for one
}

func (n *news) add(c tools.Change) (ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case slices.Contains(n.pending, c):
		return true
	case len(n.pending) >= maxNews:
		return false
	}
	n.pending = append(n.pending, c)
	select {
	case n.wake <- struct{}{}:
	default:
	}
	return true
}

func (n *news) take() []tools.Change {
	n.mu.Lock()
	defer n.mu.Unlock()
	pending := n.pending
	n.pending = nil
	return pending
}

// broadcast tells the streams what there is to tell.
func (l *streams) broadcast() {
	defer l.recovered("broadcast")
	changes := l.news.take()
	var buffer []*stream
	for i := range l.shards {
		buffer = l.shards[i].all(buffer[:0])
		for _, st := range buffer {
			st.tell(changes, l.now())
		}
	}
}

// tell sends the changes that the stream wants to hear of: the ones a client
// subscribed to, or those a legacy client was promised at initialize.
func (s *stream) tell(changes []tools.Change, now time.Time) {
	session := s.session.Load()
	for _, c := range changes {
		var message []byte
		hears := false
		switch {
		case s.listen != nil:
			message, hears = s.listen.Frame(c)
		case session != nil:
			message, hears = session.Frame(c)
		}
		if hears {
			s.offer(appendEvent(nil, "message", message), now)
		}
	}
}

// admitStream enters a stream into the list, or says why not.
func (e *Endpoint) admitStream(v *visit, st *stream) bool {
	switch err := e.list().add(st); err {
	case nil:
		return true
	case errUserFull:
		v.busy(fasthttp.StatusTooManyRequests, "too_many_streams", "you have too many open streams; close one")
	default:
		v.busy(fasthttp.StatusServiceUnavailable, "temporarily_unavailable", err.Error())
	}
	return false
}
