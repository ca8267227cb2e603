package sse

import (
	"context"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/sse/relay"
)

// question is a request of ours that waits for the client's response.
type question struct {
	place  *relay.Registration
	answer chan []byte // has room for the one answer
	err    error       // why it cannot be asked
}

// NewID implements mcp.Conversation. The id is the place in the relay where the
// answer is waited for, so it leads there from any replica.
func (c *call) NewID() string {
	q := &question{answer: make(chan []byte, 1)}
	id := artifact.NewID()
	if q.err = c.endpoint.questions.take(c.owner.Subject); q.err == nil {
		if q.place, q.err = c.endpoint.Relay.Register(c.owner, q.take); q.err == nil {
			id = q.place.ID
		} else {
			c.endpoint.questions.giveBack(c.owner.Subject)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.questions == nil {
		c.questions = make(map[string]*question)
	}
	c.questions[id] = q
	if c.over { // end was there before
		c.withdraw(id)
	}
	return id
}

// take is called with what the client answers, on this replica.
func (q *question) take(m relay.Message) error {
	if m.Kind != relay.KindMessage {
		return relay.ErrNobody
	}
	select {
	case q.answer <- m.Body:
		return nil
	default:
		return relay.ErrNobody // it was answered already
	}
}

// Ask implements mcp.Conversation.
func (c *call) Ask(ctx context.Context, id string, message []byte) (response []byte, err error) {
	c.mu.Lock()
	q := c.questions[id]
	c.mu.Unlock()
	switch {
	case q == nil:
		return nil, errOver
	case q.err != nil:
		return nil, q.err
	}
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.withdraw(id)
	}()
	if err := c.say(message, (*stream).send); err != nil { // a lost question would be waited for
		return nil, err
	}
	select {
	case response = <-q.answer:
		return response, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.endpoint.list().stop: // no stream is left on which it was asked
		return nil, errDraining
	}
}

// withdraw gives a question up; again is no harm. The lock is held.
func (c *call) withdraw(id string) {
	q := c.questions[id]
	if q == nil {
		return
	}
	delete(c.questions, id)
	if q.place != nil {
		q.place.Release()
		c.endpoint.questions.giveBack(c.owner.Subject)
	}
}
