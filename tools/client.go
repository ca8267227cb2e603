package tools

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Client is what the protocol lends a running handler of the client that
// called. It may be used until the call has its answer; after that it does
// nothing. Handlers use it through their Context.
type Client interface {
	// Can reports whether the client offers all that is needed.
	Can(needs Abilities) bool
	// Ask returns the results of the inquiries in their order, or the error the
	// handler has to return.
	Ask(ctx context.Context, inquiries []Inquiry) ([]jsontext.Value, error)
	// Progress, Log and Announce are as in Context.
	Progress(done, total float64, message string)
	Log(level Level, logger string, data any)
	Announce(change Change)
	// Return is called at most once, after the handler has returned in order and
	// before the call does: no handler can reach the Client any more. It is not
	// called while one still might.
	Return()
}

// Abilities is a set of things a client declared it can do for a server.
type Abilities uint8

// The abilities handlers may make use of.
const (
	RootsAbility Abilities = 1 << iota
	SamplingAbility
	ElicitationForm
	ElicitationURL
)

// String names the abilities for people.
func (a Abilities) String() string {
	var names []string
	for bit, name := range []string{"roots", "sampling", "elicitation (forms)", "elicitation (URLs)"} {
		if a&(1<<bit) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, " and ")
}

// Level is how severe a log message is (RFC 5424 §6.2.1).
type Level uint8

// The levels, least severe first.
const (
	Debug Level = iota + 1
	Info
	Notice
	Warning
	Error
	Critical
	Alert
	Emergency
)

// Levels are the names of the levels, from Levels[Debug-1] on.
var Levels = [...]string{"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"}

// Trace is the client's trace context: the members of the same names of W3C
// Trace Context and W3C Baggage. Pass it on to whatever the handler calls.
type Trace struct{ Parent, State, Baggage string }

// Can reports whether the client offers all that is needed, so that a handler
// can do with less.
func (c *Context) Can(needs Abilities) bool {
	client := c.line.take()
	if client == nil {
		return false
	}
	defer c.line.giveBack()
	return client.Can(needs)
}

// Progress tells the client how far the handler has come, if it wants to know:
// done must grow from call to call, total is 0 if unknown, message may be empty.
func (c *Context) Progress(done, total float64, message string) {
	if client := c.line.take(); client != nil {
		defer c.line.giveBack()
		client.Progress(done, total, message)
	}
}

// Log sends the client a log message, if it wants to hear of the level. data is
// text or anything else with a JSON form, without secrets. A tool that logs says
// so in its Spec.
func (c *Context) Log(level Level, data any) {
	if client := c.line.take(); client != nil {
		defer c.line.giveBack()
		client.Log(level, c.name, data)
	}
}

// Announce tells all clients that listen, on all replicas, of a change. A tool
// that announces says so in its Spec.
func (c *Context) Announce(change Change) {
	if client := c.line.take(); client != nil {
		defer c.line.giveBack()
		client.Announce(change)
	}
}

// limits are the handlers at work, by when their time is up, the earliest
// first. One timer looks after all of them: to start and to stop one for each
// call costs more than most handlers do. The zero value is ready to use.
type limits struct {
	mu          sync.Mutex
	first, last *limit
	timer       *time.Timer
	alarm       time.Time // when the timer goes off; zero if it does not
}

// limit ends a handler when its own time is up. The time that a person takes to
// answer does not count.
type limit struct {
	list       *limits
	handler    interface{ giveUp() }
	due        time.Time
	left       time.Duration // while the handler waits for a person
	waiting    int
	listed     bool
	over       bool // the time was up, or nobody waits for the handler any more
	prev, next *limit
}

// start begins to count. It is called once, before all else.
func (l *limit) start(list *limits, d time.Duration, handler interface{ giveUp() }) {
	l.list, l.handler, l.left = list, handler, d
	list.mu.Lock()
	defer list.mu.Unlock()
	list.insert(l)
}

// stop is for a handler whose answer is out: nobody waits for its end any more.
func (l *limit) stop() {
	l.list.mu.Lock()
	defer l.list.mu.Unlock()
	l.over = true
	l.list.remove(l)
}

func (l *limit) pause() {
	l.list.mu.Lock()
	defer l.list.mu.Unlock()
	if l.listed {
		l.left = time.Until(l.due)
		l.list.remove(l)
	}
	l.waiting++
}

func (l *limit) resume() {
	l.list.mu.Lock()
	defer l.list.mu.Unlock()
	if l.waiting--; l.waiting == 0 && !l.over {
		l.list.insert(l)
	}
}

// insert gives a handler the time it has left. All begin with the same, so its
// place is at the end, unless it has waited. The lock is held.
func (ls *limits) insert(l *limit) {
	l.due, l.listed = time.Now().Add(max(l.left, 0)), true
	before := ls.last
	for before != nil && before.due.After(l.due) {
		before = before.prev
	}
	l.prev = before
	if before == nil {
		l.next, ls.first = ls.first, l
	} else {
		l.next, before.next = before.next, l
	}
	if l.next == nil {
		ls.last = l
	} else {
		l.next.prev = l
	}
	ls.arm()
}

// remove takes a handler out of the list; again is no harm. The timer is left
// alone: it goes off once for nothing. The lock is held.
func (ls *limits) remove(l *limit) {
	if !l.listed {
		return
	}
	if l.prev == nil {
		ls.first = l.next
	} else {
		l.prev.next = l.next
	}
	if l.next == nil {
		ls.last = l.prev
	} else {
		l.next.prev = l.prev
	}
	l.prev, l.next, l.listed = nil, nil, false
}

// arm sets the timer to the earliest end, unless it goes off before. The lock
// is held.
func (ls *limits) arm() {
	if ls.first == nil || !ls.alarm.IsZero() && !ls.first.due.Before(ls.alarm) {
		return
	}
	ls.alarm = ls.first.due
	if d := time.Until(ls.alarm); ls.timer == nil {
		ls.timer = time.AfterFunc(d, ls.ring)
	} else {
		ls.timer.Reset(d)
	}
}

// ring gives up the handlers whose time is up.
func (ls *limits) ring() {
	for _, l := range ls.expired(time.Now()) {
		l.handler.giveUp()
	}
}

func (ls *limits) expired(now time.Time) (over []*limit) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for l := ls.first; l != nil && !l.due.After(now); l = ls.first {
		ls.remove(l)
		l.over = true
		over = append(over, l)
	}
	ls.alarm = time.Time{}
	ls.arm()
	return over
}
