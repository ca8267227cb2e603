package sse

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/valyala/fasthttp"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/sse/mcp"
	"mcp-oauth-server/sse/relay"
	"mcp-oauth-server/tools"
)

// What goes to another replica goes through the relay: answers to whoever
// asked, messages to the replica that holds their legacy stream, and two topics
// that all replicas hear.
const (
	topicCancel = "cancel"
	topicChange = "change"
)

// subscribe listens to what other replicas have to tell all.
func (e *Endpoint) subscribe() (cancel func()) {
	ends := []func(){
		e.Relay.Subscribe(topicCancel, e.hearCancel),
		e.Relay.Subscribe(topicChange, e.hearChange),
	}
	return func() {
		for _, end := range ends {
			end()
		}
	}
}

// owner is on whose behalf a request speaks.
func (v *visit) owner() relay.Owner {
	return relay.Owner{Subject: v.principal.Subject, Client: v.principal.ClientID}
}

// deliver brings the client's answers to whoever asked, wherever he waits. The
// error is the first one.
func (e *Endpoint) deliver(from relay.Owner, answers []mcp.Answer) error {
	var first error
	for _, a := range answers {
		err := e.Relay.Deliver(context.Background(), a.ID, from, relay.Message{Kind: relay.KindMessage, Body: a.Body})
		if err != nil && first == nil {
			first = err
		}
	}
	return first
}

// cancellation is what topicCancel carries.
type cancellation struct {
	Subject string
	Client  artifact.Digest
	Scope   string
	ID      string // JSON text
}

// maxRequestID bounds the ids of requests that can be cancelled, in bytes: they
// go to all replicas.
const maxRequestID = 256

// cancel gives up requests of the same owner and scope, wherever they run. One
// that is not found is none of our business: it may just have ended.
func (e *Endpoint) cancel(from relay.Owner, scope string, ids []string) {
	for _, id := range ids {
		c := cancellation{Subject: from.Subject, Client: from.Client, Scope: scope, ID: id}
		if len(id) > maxRequestID || e.abandon(c) {
			continue
		}
		body, err := json.Marshal(c)
		if err == nil {
			err = e.Relay.Publish(context.Background(), topicCancel, body)
		}
		if err != nil {
			e.Log.Debug("cancellation reached this replica only", "event", "cancel_lost", "err", err)
		}
	}
}

func (e *Endpoint) hearCancel(body []byte) {
	var c cancellation
	if json.Unmarshal(body, &c) == nil {
		e.abandon(c)
	}
}

// abandon gives up requests of this replica and says whether there were any.
func (e *Endpoint) abandon(c cancellation) (found bool) {
	owner := relay.Owner{Subject: c.Subject, Client: c.Client}
	for _, running := range e.running.all() {
		if running.owner == owner && running.scope == c.Scope && running.abandon(c.ID) {
			found = true
		}
	}
	return found
}

// forwarded is a message for a legacy stream, on its way to the replica that
// holds it.
type forwarded struct {
	ID                            tools.RequestID // of the HTTP request, for the log
	Caller                        tools.Caller
	Expires                       time.Time // of the message's token
	ProtocolVersion, Method, Name mcp.Header

	Body []byte `json:"-"` // follows the rest, as it is
}

// forwardMark stands before a forwarded message. No JSON begins with it, so
// nothing that a client writes, an answer under a stream's id say, is taken for
// the word of a replica.
const forwardMark = 0

// encode writes the mark, the head on one line, and the body.
func (f forwarded) encode() ([]byte, error) {
	head, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	message := make([]byte, 0, len(head)+len(f.Body)+2)
	message = append(append(append(message, forwardMark), head...), '\n')
	return append(message, f.Body...), nil
}

// decodeForwarded reads what encode wrote. The body is copied: calls outlive
// the relay's buffer.
func decodeForwarded(message []byte) (f forwarded, ok bool) {
	if len(message) == 0 || message[0] != forwardMark {
		return f, false
	}
	head, body, found := bytes.Cut(message[1:], []byte("\n"))
	if !found || json.Unmarshal(head, &f) != nil {
		return f, false
	}
	f.Body = bytes.Clone(body)
	return f, true
}

// refuseDelivery answers a message that did not reach whom it was for: at once,
// so that no client waits for what will not come. nobody is what is said if
// there is no such place.
func (v *visit) refuseDelivery(err error, status int, nobody string) {
	switch {
	case errors.Is(err, relay.ErrNobody):
		v.rpcError(status, -32600, nobody)
	case errors.Is(err, errUserBusy):
		v.busy(fasthttp.StatusTooManyRequests, "too_many_calls", err.Error())
	case errors.Is(err, relay.ErrTooLarge):
		v.problem(fasthttp.StatusRequestEntityTooLarge, "too_large", err.Error())
	case errors.Is(err, relay.ErrUnavailable):
		v.busy(fasthttp.StatusServiceUnavailable, "temporarily_unavailable", "another replica must take this message and cannot be reached now; try again")
	default:
		v.busy(fasthttp.StatusServiceUnavailable, "temporarily_unavailable", err.Error())
	}
}
