package mcp

import (
	"bytes"
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-oauth-server/tools"
)

// Handle answers one POST. It never panics, and the reply has a body unless its
// outcome is Accepted. ctx ends when the client has left.
func (s *Server) Handle(ctx context.Context, r Request) (reply Reply) {
	defer func() {
		if p := recover(); p != nil {
			s.Log.Error("panic in the message handler", "event", "mcp_panic",
				"request_id", r.ID.String(), "err", fmt.Errorf("%v", p), "stack", string(debug.Stack()))
			reply = refuse(nil, internalError(r.ID), false)
		}
	}()
	x := exchanges.Get().(*exchange)
	x.single = r
	x.Request, x.server = &x.single, s
	reply = x.handle(ctx)
	if !x.lent { // not deferred: after a panic nobody knows
		*x = exchange{}
		exchanges.Put(x)
	}
	return reply
}

// exchanges are used again, wiped, unless a handler might still reach one: it is
// overdue or has panicked, or a goroutine that it left behind talks to the client.
var exchanges = sync.Pool{New: func() any { return new(exchange) }}

// exchange is one request on its way through: its message is valid, and
// once its params are read its revision is chosen.
type exchange struct {
	*Request
	single Request // room for one that shares nothing, as in a batch
	revision
	message
	server       *Server
	outline      outline      // of the body, unless that is unusual
	params, meta members      // their known members
	client       Capabilities // what the client can do for a handler
	inBatch      bool
	opened       *Session     // what the client must be remembered by
	listen       *Listen      // set by subscriptions/listen
	conversation Conversation // begun by a handler that may run for a while; nil if there is no way
	talk         talk
	result       tools.Result
	text         textResult // room for the usual answer
	room         [128]byte  // for the usual structured result
	lent         bool       // a handler may reach it
	computed     bool       // by a tool that was lent nothing, and is done
}

// begin prepares for a handler that may run for a while, talk to the client and be
// cancelled.
func (x *exchange) begin(ctx context.Context) (run context.Context, end func()) {
	if x.Peer == nil {
		return ctx, x.talk.end
	}
	run, talk, leave := x.Peer.Begin(ctx, string(x.id))
	x.conversation = talk
	return run, func() {
		x.talk.end()
		leave()
	}
}

// Return implements tools.Client.
func (x *exchange) Return() { x.lent = false }

// handle answers the body.
func (x *exchange) handle(ctx context.Context) Reply {
	body, o := jsontext.Value(x.Body), &x.outline
	if !surelyValid(body, o) {
		if problem := judgeJSON(body); problem != nil {
			return refuse(nil, problem, false)
		}
		o = nil
	}
	if body.Kind() == '[' {
		shared := x.single // the exchange ends before an overdue handler does
		return x.server.batch(ctx, &shared, body)
	}
	return x.one(ctx, body, o)
}

// one answers one message, whose outline may be known. The reply holds no piece of
// the exchange.
func (x *exchange) one(ctx context.Context, raw jsontext.Value, o *outline) Reply {
	s, r := x.server, x.Request
	problem := x.message.parse(raw, o)
	if problem != nil {
		return refuse(x.id, problem, false)
	}
	msg, m := &x.message, x.known
	if msg.reply {
		return r.takeResponse(msg, raw)
	}
	if problem = x.readParams(raw, o); problem != nil {
		return refuse(msg.id, problem, r.saysModern())
	}
	x.revision, problem = choose(r, &x.meta)
	if msg.id == nil {
		return takeNotification(&x.revision, msg, problem)
	}
	if problem != nil {
		return refuse(msg.id, problem, true)
	}
	if x.modern {
		if problem := checkModern(r, m, msg, &x.params, &x.meta); problem != nil {
			return refuse(msg.id, problem, true)
		}
	}
	if !s.offers(m, r, &x.revision) {
		return refuse(msg.id, methodNotFound(msg.method), x.modern)
	}
	return s.answer(ctx, x)
}

// answer performs a request whose method is offered.
func (s *Server) answer(ctx context.Context, x *exchange) Reply {
	if x.known.runs {
		var problem *Error
		if x.client, problem = x.abilities(); problem != nil {
			return refuse(x.id, problem, x.modern)
		}
	}
	result, problem := x.known.answer(s, ctx, x)
	switch {
	case problem == cancelled:
		return Reply{Outcome: Cancelled}
	case problem != nil:
		return refuse(x.id, problem, x.modern)
	case x.listen != nil:
		return Reply{Outcome: Listening, Listen: x.listen}
	}
	if text, ok := result.(*textResult); ok {
		room := x.Room
		if x.inBatch {
			room = nil // the answers to a batch are all there at one time
		}
		return Reply{Outcome: OK, Body: text.response(room, x.id), Detached: x.computed, Session: x.opened}
	}
	return Reply{Outcome: OK, Body: encode(response{ID: x.id, Result: result}), Session: x.opened}
}

// cancelled stands for an answer that nobody waits for any more.
var cancelled = &Error{Code: codeInternal, Message: "cancelled"}

// readParams reads what the message's method wants to know of params.
func (x *exchange) readParams(raw jsontext.Value, o *outline) (problem *Error) {
	switch {
	case x.message.params == nil:
		return nil
	case o != nil:
		problem = o.params.read(&x.params, raw, true, x.known.params...)
	default:
		x.params, problem = readObject(x.message.params, true, x.known.params...)
	}
	if problem == nil {
		x.meta, problem = readMeta(&x.params)
	}
	return problem
}

// takeResponse hands a response on to whoever asked. Clients of 2026-07-28 must
// not send any.
func (r *Request) takeResponse(msg *message, raw jsontext.Value) Reply {
	if r.saysModern() {
		return refuse(nil, invalidRequest("a client sends no responses in this revision"), true)
	}
	if msg.id == nil { // an error without an id belongs to nothing
		return Reply{Outcome: Accepted}
	}
	id, ok := stringOf(msg.id)
	if !ok {
		id = string(msg.id) // no id of ours; the transport says that nobody waits
	}
	return Reply{Outcome: Accepted, Answers: []Answer{{ID: id, Body: raw}}}
}

// saysModern reports whether the header names a modern revision.
func (r *Request) saysModern() bool {
	named, known := lookup(r.ProtocolVersion.value())
	return known && named.modern
}

// takeNotification accepts any notification, known or not. Its headers are not
// held to the rules for requests, which do not speak of notifications. A method
// that wants an answer is refused, so that it is not waited for.
func takeNotification(rev *revision, msg *message, problem *Error) Reply {
	if problem != nil && problem.Code == codeVersion {
		return refuse(nil, problem, true)
	}
	if !strings.HasPrefix(msg.method, "notifications/") {
		return refuse(nil, invalidRequest("a request needs an id"), false)
	}
	reply := Reply{Outcome: Accepted}
	if msg.method == "notifications/cancelled" && problem == nil && !rev.modern && msg.params != nil {
		if m, problem := readObject(msg.params, true, "requestId"); problem == nil && validID(m.get("requestId")) {
			reply.Cancels = []string{string(m.get("requestId"))}
		}
	}
	return reply
}

// maxBatch bounds the messages of one batch: each may run a tool.
const maxBatch = 32

// batch answers an array of messages, which only 2025-03-26 has. All of them
// together get the time and the output size of one tool call.
func (s *Server) batch(ctx context.Context, r *Request, raw jsontext.Value) Reply {
	rev, problem := choose(r, &members{})
	if problem != nil && problem.Code == codeVersion {
		return refuse(nil, problem, true)
	}
	if problem != nil || !rev.batches {
		return refuse(nil, invalidRequest("only revision "+Version20250326+" has batches: send one message at a time"), false)
	}
	var messages []jsontext.Value
	if err := json.Unmarshal(raw, &messages); err != nil || len(messages) == 0 || len(messages) > maxBatch {
		return refuse(nil, invalidRequest(fmt.Sprintf("a batch holds 1 to %d messages", maxBatch)), false)
	}
	ctx, cancel := context.WithTimeout(ctx, s.Tools.Timeout)
	defer cancel()
	all := Reply{Outcome: Accepted}
	var answers [][]byte
	size := 0
	for _, m := range messages {
		x := &exchange{Request: r, server: s, inBatch: true}
		reply := x.one(ctx, m, nil)
		all.Answers = append(all.Answers, reply.Answers...)
		all.Cancels = append(all.Cancels, reply.Cancels...)
		if reply.Session != nil {
			changed := *r // an overdue handler may still read the one before
			changed.Session = reply.Session
			r, all.Session = &changed, reply.Session
		}
		if len(reply.Body) == 0 {
			continue
		}
		if size += len(reply.Body); size > s.Tools.MaxOutput {
			return refuse(nil, invalidRequest("the answers to this batch are too large: send fewer messages at a time"), false)
		}
		answers = append(answers, reply.Body)
	}
	if len(answers) > 0 {
		all.Outcome = OK
		all.Body = slices.Concat([]byte("["), bytes.Join(answers, []byte(",")), []byte("]"))
	}
	return all
}

// response is a JSON-RPC 2.0 response; Result or Error is set.
type response struct {
	JSONRPC version        `json:"jsonrpc"`
	ID      jsontext.Value `json:"id,omitzero"`
	Result  any            `json:"result,omitzero"`
	Error   *Error         `json:"error,omitzero"`
}

// version is always written as JSON-RPC 2.0.
type version struct{}

// MarshalJSONTo writes "2.0".
func (version) MarshalJSONTo(e *jsontext.Encoder) error { return e.WriteToken(jsontext.String("2.0")) }

// encode writes a response on one line. Everything in it was checked before, so
// an error is a mistake of ours and becomes one internal error in Handle.
func encode(r response) []byte {
	body, err := json.Marshal(r, json.Deterministic(true))
	if err != nil {
		panic(err)
	}
	return body
}

// refuse is the one place where an error becomes a reply. Its id is the
// request's, if that was readable.
func refuse(id jsontext.Value, e *Error, modern bool) Reply {
	return Reply{Outcome: e.outcome(modern), Body: encode(response{ID: id, Error: e})}
}

// outcome is the HTTP class of an error: malformed messages are 400 in all
// revisions. In the older ones all else is 200, for a 404 would tell a client
// that its session is gone.
func (e *Error) outcome(modern bool) Outcome {
	switch e.Code {
	case codeParse, codeInvalidRequest, codeHeaderMismatch, codeMissingCapability, codeVersion:
		return BadRequest
	case codeMethodNotFound:
		if modern {
			return NotFound
		}
	case codeInvalidParams:
		if modern {
			return BadRequest
		}
	}
	return OK
}

// internalError hides the cause; requestID leads to it in the log.
func internalError(requestID tools.RequestID) *Error {
	if requestID == (tools.RequestID{}) {
		return &Error{Code: codeInternal, Message: "internal error"}
	}
	return &Error{Code: codeInternal, Message: "internal error; the server's log has the details of request " + requestID.String()}
}
