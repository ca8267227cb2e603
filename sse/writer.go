package sse

import (
	"bytes"
	"errors"
	"os"
	"time"
)

// pieceSize is what the writer gives to the system at once, and what a peer may
// take writeTime for.
const pieceSize = 64 << 10

// errCut says that a frame was begun and cannot be ended: nothing may follow.
var errCut = errors.New("too much waits for the client, in the middle of a message")

// send delivers one frame that somebody waits for, an answer or a question, or
// holds it back while the token has expired. A stream that cannot take it is
// closed: if it were lost in silence, that one would wait for ever. False: the
// stream is closed.
func (s *stream) send(frame []byte, now time.Time) bool {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return false
	}
	err := s.deliver(frame, now)
	s.mu.Unlock()
	return s.closeOn(err)
}

// offer is send for a notification, which may be lost: the client is then worse
// informed, but keeps its stream and what it waits for. The last one is dropped,
// not the first: what has begun to go out cannot be taken back.
func (s *stream) offer(frame []byte, now time.Time) bool {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return false
	}
	before := len(s.queue) + len(s.held)
	if before == 0 {
		s.news = 0
	}
	err := errBacklog
	if s.news == 0 || int(s.news)+len(frame) <= newsSize {
		err = s.deliver(frame, now)
	}
	s.news += int32(len(s.queue) + len(s.held) - before)
	if err == errBacklog {
		s.dropped++
		err = nil
	}
	s.mu.Unlock()
	return s.closeOn(err)
}

// deliver writes or holds a frame. The lock is held. The error is errBacklog if
// nothing of it is taken.
func (s *stream) deliver(frame []byte, now time.Time) error {
	switch {
	case s.waiting() > queueSize:
		return errBacklog
	case now.Before(s.expires):
		return s.write(frame)
	}
	err := s.list.backlog.take(s.subject, len(frame))
	if err == nil {
		s.held = append(s.held, frame...)
	}
	return err
}

// waiting is the bytes that are not with the system yet. The lock is held.
func (s *stream) waiting() int { return len(s.queue) + len(s.held) + s.writing }

// finish sends the last frame, if there is one, and closes the stream when the
// peer has it. That frame is taken however long it is: it exists already.
func (s *stream) finish(last []byte) {
	s.mu.Lock()
	var err error
	if !s.closed && len(last) > 0 {
		err = s.write(last)
	}
	s.ending = true
	if s.writing > 0 {
		// The HTTP server lifts all deadlines when it gives a connection away.
		// If this fails the connection is closed, and the writer finds out.
		s.socket.wait().SetWriteDeadline(time.Now().Add(writeTime)) //nolint:errcheck // see above
	}
	sent := len(s.queue)+s.writing == 0
	s.mu.Unlock()
	if s.closeOn(err) && sent {
		s.close("done", nil)
	}
}

// write sends what the socket takes at once and queues the rest for a writer of
// its own. The lock is held; nothing here blocks. The error is errBacklog if
// nothing of the frame is taken, errCut if a part is, or says that the peer is
// gone.
func (s *stream) write(frame []byte) error {
	direct, n := s.socket.open() && s.writing == 0, 0
	if direct {
		var err error
		if n, err = s.socket.tryWrite(frame); err != nil {
			return err
		}
	}
	rest := frame[n:]
	if len(rest) == 0 {
		return nil
	}
	if err := s.list.backlog.take(s.subject, len(rest)); err != nil {
		if n > 0 {
			err = errCut
		}
		return err
	}
	if !direct {
		s.queue = append(s.queue, rest...)
		return nil
	}
	chunk := append([]byte(nil), rest...)
	s.writing = len(chunk)
	go s.drain(s.socket.wait(), chunk)
	return nil
}

// drain writes what waits, until nothing does. It is the only goroutine a
// stream ever has, for as long as its peer is behind. A peer that takes nothing
// for writeTime is given up, one that takes something is not.
func (s *stream) drain(c waiter, chunk []byte) {
	defer s.list.recovered("stream writer")
	for at := 0; len(chunk) > 0; {
		if c.SetWriteDeadline(time.Now().Add(writeTime)) != nil { // the network's clock, not ours
			break
		}
		n, err := c.Write(chunk[at:min(len(chunk), at+pieceSize)])
		if n == 0 || err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if at += n; at >= len(chunk)/2 { // not sooner: the rest is copied
			chunk, at = s.next(c, chunk[at:], at), 0
		}
	}
	switch {
	case len(chunk) > 0:
		s.close("slow reader", nil)
	case s.owesNothing():
		s.close("done", nil)
	}
}

// next returns what is to be written now that n bytes are: a copy of the rest, so
// that a peer cannot hold much by leaving little, or what was queued meanwhile.
func (s *stream) next(c waiter, rest []byte, n int) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil // close has given all of it back
	}
	s.list.backlog.giveBack(s.subject, n)
	if s.writing -= n; s.writing > 0 {
		return bytes.Clone(rest)
	}
	chunk := s.queue
	s.queue, s.writing, s.news = nil, len(chunk), 0
	if len(chunk) == 0 {
		// The deadline would fail the next write that does not wait. If this
		// fails the connection is closed, and that write finds out.
		c.SetWriteDeadline(time.Time{}) //nolint:errcheck // see above
	}
	return chunk
}

// owesNothing says that the stream's last frame is sent.
func (s *stream) owesNothing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ending && len(s.queue)+s.writing == 0
}

// busy says that the stream has something to deliver yet: bytes that are on the
// way, or the answer of its call.
func (s *stream) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue)+s.writing > 0 || s.answers && !s.ending
}

// partWith closes a connection that has to be waited for.
func partWith(c waiter, farewell []byte) {
	if len(farewell) > 0 && c.SetWriteDeadline(time.Now().Add(farewellTime)) == nil {
		c.Write(farewell) //nolint:errcheck // best effort, the stream ends anyway
	}
	c.Close() //nolint:errcheck // nobody is left to tell
}
