package sse

import "sync"

// watcher learns from the system which peers have left, where the system can
// say so of all sockets at once: a stream then costs a place in a map, not a
// goroutine that waits for its end. The zero value watches nothing; a socket that
// it cannot take has its heartbeat.
//
// Every watch has a number of its own, and the system reports numbers. A report
// cannot hit a wrong stream: a descriptor is given to the next connection as
// soon as it is closed, and a report about the one before it may be on its way.
type watcher struct {
	mu       sync.Mutex
	poll     int // descriptor of the system's list
	last     uint64
	byNumber map[uint64]*stream // nil while there is no such list
}

// open lets the watcher begin. The error is that of the system.
func (w *watcher) open() error {
	poll, err := openPoll()
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.poll, w.byNumber = poll, make(map[uint64]*stream)
	return nil
}

// watches says whether there is such a list.
func (w *watcher) watches() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.byNumber != nil
}

// add watches the stream's socket until its peer leaves. It returns the number
// for forget, or 0 if the socket cannot be watched.
func (w *watcher) add(s socket, st *stream) (number uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byNumber == nil {
		return 0
	}
	w.last++
	var refused error
	err := s.control(func(fd uintptr) { refused = pollPeer(w.poll, fd, w.last) })
	if err != nil || refused != nil {
		return 0
	}
	w.byNumber[w.last] = st
	return w.last
}

// forget ends a watch. The system's part of it ends with the socket.
func (w *watcher) forget(number uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.byNumber, number)
}

// gone returns the streams whose peers have left since the last call. It does
// not wait.
func (w *watcher) gone() (left []*stream) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byNumber == nil {
		return nil
	}
	pollGone(w.poll, func(number uint64) {
		if st := w.byNumber[number]; st != nil { // nil: closed meanwhile
			left = append(left, st)
		}
	})
	return left
}

// close gives the system's list back. Nothing is watched afterwards.
func (w *watcher) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byNumber != nil {
		closePoll(w.poll)
		w.byNumber = nil
	}
}
