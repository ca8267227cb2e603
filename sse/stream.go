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
	// queueSize bounds the bytes that wait for a slow reader. A frame longer
	// than that is taken only if nothing waits before it.
	queueSize = 64 << 10
	// writeTime is how long a peer may take to read what waits for it.
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
	ending  bool      // nothing follows what is queued
	closed  bool
	watch   uint64          // number at the watcher; 0 is none
	ctx     context.Context // of a legacy stream's calls, made at the first one
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
	queue := s.queue
	s.queue = nil
	ok := s.write(append(first, queue...))
	if s.socket.mute() {
		go s.awaitEnd(s.socket.conn)
	} else {
		s.watch = s.list.watcher.add(s.socket, s)
	}
	s.mu.Unlock()
	if !ok {
		s.close("write", nil)
	}
}

// awaitEnd closes the stream when its peer has left. It runs as long as a stream
// that cannot be asked.
func (s *stream) awaitEnd(c io.Reader) {
	defer s.list.recovered("peer watch")
	io.Copy(io.Discard, c) //nolint:errcheck // any error is an end
	s.close("peer gone", nil)
}

// send delivers one frame, or holds it back while the token has expired. A
// stream that cannot take it is closed: a message that is lost in silence would
// leave the client waiting for ever. False: the stream is closed.
func (s *stream) send(frame []byte, now time.Time) bool {
	s.mu.Lock()
	alive := !s.closed
	waiting := len(s.queue) + len(s.held) + s.writing
	fits, ok := waiting == 0 || waiting+len(frame) <= queueSize, true
	switch {
	case !alive || !fits:
	case !now.Before(s.expires):
		s.held = append(s.held, frame...)
	default:
		ok = s.write(frame)
	}
	s.mu.Unlock()
	switch {
	case !alive:
	case !fits:
		s.close("slow reader", nil)
	case !ok:
		s.close("write", nil)
	}
	return alive && fits && ok
}

// beat sends a comment so that proxies keep the connection and a dead peer is
// noticed. A stream with bytes on the way needs none.
func (s *stream) beat() {
	s.mu.Lock()
	ok := s.closed || len(s.queue)+s.writing > 0 || !s.socket.open() || s.write(heartbeat)
	s.mu.Unlock()
	if !ok || s.peerGone() {
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
	alive, ok := !s.closed && now.Before(s.expires.Add(graceTime)), true
	if alive && len(s.held) > 0 && now.Before(s.expires) {
		held := s.held
		s.held = nil
		ok = s.write(held)
	}
	s.mu.Unlock()
	if !ok {
		s.close("write", nil)
	}
	return alive && ok
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

// context is cancelled when the stream closes: nobody is left to hear what its
// calls would say.
func (s *stream) context() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil {
		s.ctx, s.cancel = context.WithCancel(context.Background())
		if s.closed {
			s.cancel()
		}
	}
	return s.ctx
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
	s.queue, s.held = nil, nil
	socket, watch := s.socket, s.watch
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
	s.list.log.Debug("stream closed", slog.String("event", "stream_closed"), slog.String("reason", reason))
}
