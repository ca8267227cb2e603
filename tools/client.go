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
func (c *Context) Can(needs Abilities) bool { return c.client != nil && c.client.Can(needs) }

// Progress tells the client how far the handler has come, if it wants to know:
// done must grow from call to call, total is 0 if unknown, message may be empty.
func (c *Context) Progress(done, total float64, message string) {
	if c.client != nil {
		c.client.Progress(done, total, message)
	}
}

// Log sends the client a log message, if it wants to hear of the level. data is
// text or anything else with a JSON form, without secrets. A tool that logs says
// so in its Spec.
func (c *Context) Log(level Level, data any) {
	if c.client != nil {
		c.client.Log(level, c.name, data)
	}
}

// Announce tells all clients that listen, on all replicas, of a change. A tool
// that announces says so in its Spec.
func (c *Context) Announce(change Change) {
	if c.client != nil {
		c.client.Announce(change)
	}
}

// limit ends a handler when its own time is up. The time that a person takes to
// answer does not count.
type limit struct {
	mu      sync.Mutex
	timer   *time.Timer
	left    time.Duration
	since   time.Time
	waiting int
}

// start begins to count. It is called once, before all else.
func (l *limit) start(d time.Duration, end func()) {
	l.timer, l.left, l.since = time.AfterFunc(d, end), d, time.Now()
}

func (l *limit) pause() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting == 0 && l.timer.Stop() {
		l.left -= time.Since(l.since)
	}
	l.waiting++
}

func (l *limit) resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting--; l.waiting == 0 {
		l.since = time.Now()
		l.timer.Reset(max(l.left, 0))
	}
}

// stop is for a handler whose answer is out: nobody waits for its end any more.
func (l *limit) stop() { l.timer.Stop() }
