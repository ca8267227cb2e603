package sse

import (
	"context"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/sse/mcp"
	"mcp-oauth-server/sse/relay"
)

const (
	// newsSize bounds the bytes of notifications that wait for a slow reader. They
	// may be lost, and beyond that they are.
	newsSize = 64 << 10
	// queueSize bounds the bytes that wait in all: a frame is taken while no more
	// than that waits before it. Answers and questions may not be lost, so beyond
	// that the stream is.
	queueSize = 4 << 20
	// writeTime is how long a peer may take nothing of what waits for it.
	writeTime = 10 * time.Second
	// graceTime is how long a stream outlives its token. Nothing is delivered
	// meanwhile, but a message with a newer token may still save the stream.
	graceTime = 500 * time.Millisecond
	// attachTime is how long fasthttp may take to hand the connection over.
	attachTime = 10 * time.Second
	// farewellTime is how long a closing stream may take to say why.
	farewellTime = time.Second
	// lifeTime bounds a stream whose token is renewed again and again. It is
	// shorter than the life of the handle, so that no stream stays open whose
	// messages are already refused.
	lifeTime = artifact.SessionLife - time.Minute
)

// stream is one open event stream. All that is known of it is here and dies
// with its socket.
type stream struct {
	id      string
	subject string
	client  artifact.Digest
	opened  time.Time
	// session is what the stream's initialize negotiated.
	session atomic.Pointer[mcp.Session]
	list    *streams
	listen  *mcp.Listen         // of subscriptions/listen
	place   *relay.Registration // of a legacy stream, where its messages arrive
	answers bool                // one call, and ends with its answer

	mu      sync.Mutex
	socket  socket    // zero until attached
	expires time.Time // of the newest token
	queue   []byte    // waits for the socket
	held    []byte    // waits for a newer token
	writing int       // bytes in the hands of the writer; it runs while > 0
	news    int32     // bytes of notifications in queue and held
	dropped uint32    // notifications that found no room
	ending  bool      // nothing follows what is queued
	closed  bool
	calls   int32           // of a legacy stream that run, in ctx
	watch   uint64          // number at the watcher; 0 is none
	ctx     context.Context // nil while no call runs: it would be a sixth of the stream
	cancel  context.CancelFunc
}

// attach gives the stream its connection and sends the first bytes.
func (s *stream) attach(c net.Conn, first []byte) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		c.Close() //nolint:errcheck // nobody is left to tell
		return
	}
	if s.answers { // the HTTP server still holds it
		s.socket = newSocket(c)
	} else {
		s.socket = takeSocket(c)
	}
	s.socket.control(boundUnsent) //nolint:errcheck // a bound less, where there is no descriptor
	queue := s.queue
	s.queue = nil
	s.list.backlog.giveBack(s.subject, len(queue))
	err := s.write(append(first, queue...))
	if s.socket.mute() {
		go s.awaitEnd(s.socket.conn)
	} else {
		s.watch = s.list.watcher.add(s.socket, s)
	}
	s.mu.Unlock()
	s.closeOn(err)
}

// awaitEnd closes the stream when its peer has left. It runs as long as a stream
// that cannot be asked.
func (s *stream) awaitEnd(c io.Reader) {
	defer s.list.recovered("peer watch")
	io.Copy(io.Discard, c) //nolint:errcheck // any error is an end
	s.close("peer gone", nil)
}

// closeOn closes the stream if an error says that it cannot go on. The lock is
// not held.
func (s *stream) closeOn(err error) (open bool) {
	switch err {
	case nil:
		return true
	case errBacklog, errCut:
		s.close("slow reader", nil)
	default:
		s.close("write", nil)
	}
	return false
}

// beat sends a comment so that proxies keep the connection and a dead peer is
// noticed. A stream with bytes on the way needs none.
func (s *stream) beat() {
	s.mu.Lock()
	var err error
	if !s.closed && s.socket.open() && len(s.queue)+s.writing == 0 {
		err = s.write(heartbeat)
	}
	s.mu.Unlock()
	if err != nil && err != errBacklog || s.peerGone() {
		s.close("peer gone", nil)
	}
}

var heartbeat = comment("keep-alive")

// extend prolongs the stream's life to that of a newer token of its user. It
// reports false if the stream is gone.
func (s *stream) extend(expires, now time.Time) bool {
	if s.peerGone() {
		s.close("peer gone", nil)
	}
	s.mu.Lock()
	if expires = s.limited(expires); expires.After(s.expires) {
		s.expires = expires
	}
	var err error
	alive := !s.closed && now.Before(s.expires.Add(graceTime))
	if alive && len(s.held) > 0 && now.Before(s.expires) {
		held := s.held
		s.held = nil
		s.list.backlog.giveBack(s.subject, len(held))
		err = s.write(held)
	}
	s.mu.Unlock()
	return s.closeOn(err) && alive
}

// limited cuts a token's expiry to what a stream may live.
func (s *stream) limited(expires time.Time) time.Time {
	if limit := s.opened.Add(lifeTime); expires.After(limit) {
		return limit
	}
	return expires
}

// ends is the time at which the stream is closed if nothing is heard.
func (s *stream) ends() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	end := s.expires.Add(graceTime)
	if attach := s.opened.Add(attachTime); !s.socket.open() && attach.Before(end) {
		return attach
	}
	return end
}

// farewell is how the stream ends in good order, and says why.
func (s *stream) farewell(why []byte) []byte {
	if s.listen != nil {
		return appendEvent(nil, "message", s.listen.Last)
	}
	return why
}

// peerGone asks the socket. It does not wait.
func (s *stream) peerGone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.closed && s.socket.peerGone()
}

// context is what one call runs in. It is cancelled when the stream closes: nobody
// is left to hear what the call would say. release must follow, after the call.
func (s *stream) context() (ctx context.Context, release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil {
		s.ctx, s.cancel = context.WithCancel(context.Background())
		if s.closed {
			s.cancel()
		}
	}
	s.calls++
	return s.ctx, s.release
}

func (s *stream) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls--; s.calls == 0 {
		s.cancel()
		s.ctx, s.cancel = nil, nil
	}
}

// close ends the stream, once, and gives its place back. farewell is sent if
// the socket takes it at once.
func (s *stream) close(reason string, farewell []byte) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	s.list.backlog.giveBack(s.subject, s.waiting())
	s.queue, s.held = nil, nil
	socket, watch, dropped := s.socket, s.watch, s.dropped
	if s.writing > 0 { // in the middle of something else
		farewell = nil
	}
	if s.cancel != nil {
		s.cancel()
	}
	s.mu.Unlock()
	s.list.watcher.forget(watch)
	if socket.open() {
		socket.close(farewell) // also wakes the writer
	}
	if s.place != nil {
		s.place.Release()
	}
	s.list.remove(s)
	s.list.log.Debug("stream closed", slog.String("event", "stream_closed"), slog.String("reason", reason), slog.Uint64("dropped", uint64(dropped)))
}
