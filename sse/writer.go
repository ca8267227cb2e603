package sse

import "time"

// finish sends the last frame, if there is one, and closes the stream when the
// peer has it. That frame is taken however long it is: it exists already.
func (s *stream) finish(last []byte) {
	s.mu.Lock()
	ok := s.closed || len(last) == 0 || s.write(last)
	s.ending = true
	if s.writing > 0 {
		// The HTTP server lifts all deadlines when it gives a connection away.
		// If this fails the connection is closed, and the writer finds out.
		s.socket.wait().SetWriteDeadline(time.Now().Add(writeTime)) //nolint:errcheck // see above
	}
	sent := len(s.queue)+s.writing == 0
	s.mu.Unlock()
	switch {
	case !ok:
		s.close("write", nil)
	case sent:
		s.close("done", nil)
	}
}

// write sends what the socket takes at once and queues the rest for a writer of
// its own. The lock is held; nothing here blocks. False: the peer is gone.
func (s *stream) write(frame []byte) bool {
	if !s.socket.open() || s.writing > 0 {
		s.queue = append(s.queue, frame...)
		return true
	}
	n, err := s.socket.tryWrite(frame)
	if err != nil {
		return false
	}
	if rest := frame[n:]; len(rest) > 0 {
		chunk := append([]byte(nil), rest...)
		s.writing = len(chunk)
		go s.drain(s.socket.wait(), chunk)
	}
	return true
}

// drain writes what waits, until nothing does. It is the only goroutine a
// stream ever has, for as long as its peer is behind, and writeTime at most.
func (s *stream) drain(c waiter, chunk []byte) {
	defer s.list.recovered("stream writer")
	for len(chunk) > 0 {
		if c.SetWriteDeadline(time.Now().Add(writeTime)) != nil { // the network's clock, not ours
			break
		}
		if _, err := c.Write(chunk); err != nil {
			break
		}
		chunk = s.next(c)
	}
	switch {
	case len(chunk) > 0:
		s.close("slow reader", nil)
	case s.owesNothing():
		s.close("done", nil)
	}
}

// next takes what was queued while the last chunk was written.
func (s *stream) next(c waiter) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	chunk := s.queue
	s.queue, s.writing = nil, len(chunk)
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
