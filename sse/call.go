package sse

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/sse/mcp"
	"mcp-oauth-server/sse/relay"
	"mcp-oauth-server/tools"
)

// call is one POST while it is served, or one message of a legacy stream: the
// way back to its client. It costs a plain call nothing but its place in the
// list of running ones.
//
// The answer to a POST is JSON until its handler has something to say. The first
// message turns it into an event stream, although the HTTP handler is still
// waiting: the head and the message are written past the HTTP server, onto the
// connection that nobody else uses meanwhile. When the handler has its answer it
// gives the connection up (Hijack), and the stream ends with the answer.
type call struct {
	endpoint *Endpoint
	owner    relay.Owner
	// scope is what a cancellation reaches: the session, or the legacy stream.
	// Two windows of one program are one client and number their requests alike.
	scope  string
	origin string   // an allowed browser origin, or ""
	conn   net.Conn // of the POST; nil on a legacy stream
	// leave ends the call when its client has left. It is nil in the revisions
	// before 2026-07-28, where a lost connection means nothing.
	leave context.CancelFunc
	// span is what leave ends, or before 2026-07-28 the first request: mostly the
	// only one.
	span tools.Span

	place      *lane // in the list of running calls
	prev, next *call
	seen       bool // by the last peer check

	mu        sync.Mutex
	stream    *stream // nil until the first message of a POST
	over      bool    // the answer is on its way
	questions map[string]*question
	running   []request
	slot      [1]request // room for the first one
}

var (
	_ mcp.Conversation = (*call)(nil)
	_ mcp.Peer         = (*call)(nil) // of a legacy stream
	_ mcp.Peer         = (*visit)(nil)
)

// request is one that can be cancelled by its id.
type request struct {
	id   string // JSON text
	span *tools.Span
}

var (
	errOver = errors.New("the call has its answer already")
	errGone = errors.New("the client has left, or reads too slowly")
)

// end keeps a call that still runs from saying anything more and returns the
// stream it talks on, if it does.
func (c *call) end() *stream {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	for id := range c.questions {
		c.withdraw(id)
	}
	return c.stream
}

// Notify implements mcp.Conversation. It does not wait for the client, who may
// miss the message if others wait for it already.
func (c *call) Notify(message []byte) error { return c.say(message, (*stream).offer) }

// say puts a message onto the stream, with send or offer.
func (c *call) say(message []byte, put func(*stream, []byte, time.Time) bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	event := appendEvent(nil, "message", message)
	switch {
	case c.over:
		return errOver
	case c.stream == nil:
		return c.open(event)
	case !put(c.stream, event, c.endpoint.Now()):
		return errGone
	}
	return nil
}

// open turns the answer into an event stream. It counts like any other stream
// while the call runs, but not by its token: that was good when the call began,
// and the call's own limits end it. The lock is held.
func (c *call) open(first []byte) error {
	st := &stream{
		id: artifact.NewID(), subject: c.owner.Subject, client: c.owner.Client, opened: c.endpoint.Now(),
		answers: true, cancel: c.leave,
	}
	st.expires = st.opened.Add(lifeTime)
	if err := c.endpoint.list().add(st); err != nil {
		return err
	}
	c.stream = st
	// The HTTP server's deadlines are over at some time, which is not the end of
	// the client: that of the request's last byte, and, on a connection that is
	// used again, that of the answer before.
	if c.conn.SetDeadline(time.Time{}) != nil {
		st.close("peer gone", nil)
		return errGone
	}
	st.attach(c.conn, append(responseHead(c.origin), first...))
	return nil
}

// endWithClient returns a context that ends when the client has left.
func (c *call) endWithClient(ctx context.Context) context.Context {
	c.span.Begin(ctx)
	c.leave = func() { c.span.End(context.Canceled) }
	return &c.span
}

// Begin implements mcp.Peer.
func (c *call) Begin(ctx context.Context, requestID string) (run context.Context, talk mcp.Conversation, end func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	span := &c.span
	if c.leave != nil || len(c.running) > 0 { // it is in use; the latter is a batch
		span = new(tools.Span)
	}
	if c.running == nil {
		c.running = c.slot[:0]
	}
	span.Begin(ctx)
	c.running = append(c.running, request{requestID, span})
	return span, c, func() { span.End(context.Canceled) }
}

// abandon cancels the requests with the id and says whether there were any.
func (c *call) abandon(requestID string) (found bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.running {
		if r.id == requestID && !c.over {
			r.span.End(context.Canceled)
			found = true
		}
	}
	return found
}

// checkPeer looks whether the client is still there. A call is looked at from
// the second time on, so that short ones are spared it.
func (c *call) checkPeer() {
	c.mu.Lock()
	st, seen := c.stream, c.seen
	c.seen = true
	c.mu.Unlock()
	switch {
	case c.conn == nil: // its stream is looked after by itself
	case st != nil:
		if st.peerGone() {
			st.close("peer gone", nil) // and cancels, where leaving means that
		}
	case seen && c.leave != nil && newSocket(c.conn).peerLeft():
		c.leave()
	}
}
