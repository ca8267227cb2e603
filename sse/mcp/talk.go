package mcp

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-oauth-server/tools"
)

// talk is what a running handler has said to the client. The zero value is ready.
type talk struct {
	logs      bool             // the handler may send log messages
	announces tools.ChangeKind // the changes it may announce

	mu       sync.Mutex
	over     bool // the request has its answer: nothing may follow it
	begun    bool // progress was reported
	progress float64
	reported time.Time
	rounds   rounds
}

// end makes a handler that is still running speak to nobody.
func (t *talk) end() {
	t.mu.Lock()
	t.over = true
	t.mu.Unlock()
}

// Can reports what the client declared, as far as the revision has a use for it.
func (x *exchange) Can(needs Capabilities) bool { return x.client&needs == needs }

// abilities are what the client can do for this request: it declared them, the
// revision has them, and there is a way to ask.
func (x *exchange) abilities() (c Capabilities, problem *Error) {
	switch {
	case x.modern:
		if c, problem = readCapabilities(x.meta[metaCapabilities]); problem != nil {
			return 0, problem
		}
		if x.server.SealState == nil || x.server.OpenState == nil {
			return 0, nil
		}
	case x.Session != nil && x.Conversation != nil:
		c = x.Session.Capabilities
	}
	if !x.elicitation {
		c &^= ElicitationForm
	}
	if !x.visits {
		c &^= ElicitationURL
	}
	return c, nil
}

// minInterval is the shortest time between two reports of progress, but for the
// last: more than a screen can show only costs.
const minInterval = 10 * time.Millisecond

// Progress reports to a client that gave the request a progress token. Reports
// that do not grow are dropped, as the protocol wants it.
func (x *exchange) Progress(done, total float64, message string) {
	token := x.meta[metaProgress]
	if x.Conversation == nil || !validID(token) {
		return
	}
	params := struct {
		Token   jsontext.Value `json:"progressToken"`
		Done    float64        `json:"progress"`
		Total   float64        `json:"total,omitzero"`
		Message string         `json:"message,omitzero"`
	}{token, done, total, strings.ToValidUTF8(message, "\uFFFD")}
	if !x.progressText {
		params.Message = ""
	}
	x.talk.mu.Lock()
	defer x.talk.mu.Unlock()
	now := x.server.now()
	last := total > 0 && done >= total
	if x.talk.begun && (done <= x.talk.progress || !last && now.Sub(x.talk.reported) < minInterval) {
		return
	}
	x.talk.begun, x.talk.progress, x.talk.reported = true, done, now
	x.notify("notifications/progress", params)
}

// Log sends a log message to a client that wants to hear of the level.
func (x *exchange) Log(level tools.Level, logger string, data any) {
	if x.Conversation == nil || !x.talk.logs || level < x.logLevel() || level > tools.Emergency {
		return
	}
	x.talk.mu.Lock()
	defer x.talk.mu.Unlock()
	x.notify("notifications/message", struct {
		Level  string `json:"level"`
		Logger string `json:"logger"`
		Data   any    `json:"data"`
	}{tools.Levels[level-1], logger, data})
}

// Announce tells all streams of a change, if the handler may.
func (x *exchange) Announce(change tools.Change) {
	if x.server.Announce != nil && x.talk.announces&change.Kind != 0 {
		x.server.Announce(change)
	}
}

// maxNotification bounds one notification, in bytes: it is for a person to see.
const maxNotification = 64 << 10

// notify sends a notification unless the answer is out. The lock is held.
func (x *exchange) notify(method string, params any) {
	if x.talk.over {
		return
	}
	body, err := json.Marshal(notification{Method: method, Params: params}, json.Deterministic(true))
	if err == nil && len(body) > maxNotification {
		err = fmt.Errorf("%d bytes, at most %d", len(body), maxNotification)
	}
	if err != nil {
		x.server.Log.Error("notification dropped", "event", "mcp_notification", "method", method, "request_id", x.Request.ID, "err", err)
		return
	}
	_ = x.Conversation.Notify(body) // the client is gone or slow; the handler's context tells
}

// defaultLogLevel is for clients of the 2025 revisions that never said.
const defaultLogLevel = tools.Info

// logLevel is the least severe level the client wants to hear of; beyond the
// most severe one if it wants none.
func (x *exchange) logLevel() tools.Level {
	switch {
	case x.modern:
		if level := readLevel(x.meta[metaLogLevel]); level != 0 {
			return level
		}
		return tools.Emergency + 1
	case x.Session != nil && x.Session.LogLevel != 0:
		return tools.Level(x.Session.LogLevel)
	}
	return defaultLogLevel
}

var levelNames = strings.Join(tools.Levels[:], ", ")

// readLevel reads the name of a level; 0 if it is none.
func readLevel(raw jsontext.Value) tools.Level {
	name, ok := stringOf(raw)
	for i, level := range tools.Levels {
		if ok && level == name {
			return tools.Level(i + 1)
		}
	}
	return 0
}

// setLevel answers logging/setLevel. The server keeps nothing, so the level
// becomes part of the session: of the legacy stream, or of a new Mcp-Session-Id
// in the answer. A client of Streamable HTTP that goes on with its first id, or
// without one, hears of info and what is more severe.
func (s *Server) setLevel(_ context.Context, x *exchange) (any, *Error) {
	level := readLevel(x.params["level"])
	if level == 0 {
		return nil, invalidParams("level must be one of " + levelNames)
	}
	if x.Session != nil {
		changed := *x.Session
		changed.LogLevel = uint8(level)
		x.opened = &changed
	}
	return struct{}{}, nil
}

// Ask asks the client: at once where it can answer a request of ours, by a result
// that requires input from 2026-07-28 on.
func (x *exchange) Ask(ctx context.Context, inquiries []tools.Inquiry) ([]jsontext.Value, error) {
	if x.modern {
		return x.require(inquiries)
	}
	results := make([]jsontext.Value, len(inquiries))
	for i, q := range inquiries {
		var err error
		if results[i], err = x.ask(ctx, q); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// request is a JSON-RPC 2.0 request of ours.
type request struct {
	JSONRPC version        `json:"jsonrpc"`
	ID      string         `json:"id"`
	Method  string         `json:"method"`
	Params  jsontext.Value `json:"params,omitzero"`
}

// errNoAnswer: the person did not answer, or the client did not.
var errNoAnswer = errors.New("the client did not answer in time; try again when somebody is there to answer")

// ask sends one request to the client and waits for its answer.
func (x *exchange) ask(ctx context.Context, q tools.Inquiry) (jsontext.Value, error) {
	id := x.Conversation.NewID()
	params := q.Params
	if x.visitIDs && q.Needs == ElicitationURL {
		params = prefixed(`{"elicitationId":"`+id+`",`, params[1:])
	}
	body, err := json.Marshal(request{ID: id, Method: q.Method, Params: params})
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", tools.ErrInternal, q.Method, err)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	response, err := x.Conversation.Ask(ctx, id, body)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, errNoAnswer
	case err != nil:
		return nil, fmt.Errorf("the client could not be asked: %w", err)
	}
	return readResponse(response, id)
}

// readResponse returns the result of a client's response. Which request it is
// for was decided by its id, which is looked at again: it came a long way.
func readResponse(body []byte, id string) (jsontext.Value, error) {
	if checkJSON(body) != nil {
		return nil, errors.New("the client's answer is not valid JSON")
	}
	m, problem := readObject(body, true, "id", "result", "error")
	if problem != nil {
		return nil, problem
	}
	if got, ok := stringOf(m["id"]); !ok || got != id {
		return nil, errors.New("the client's answer is to another question")
	}
	if raw := m["error"]; raw != nil {
		var e struct {
			Message string `json:"message"`
		}
		_ = json.Unmarshal(raw, &e) // an error without a message is an error
		return nil, fmt.Errorf("the client refused to answer: %.200q", e.Message)
	}
	if m["result"].Kind() != '{' {
		return nil, errors.New("the client's answer has no result")
	}
	return m["result"], nil
}

func prefixed(head string, rest []byte) jsontext.Value {
	return append(jsontext.Value(head), rest...)
}

// traceparent is version 00 or later of W3C Trace Context §3.2, of which only
// the four known fields are looked at.
var traceparent = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

// trace reads the client's trace context from _meta. What is malformed is left
// out, as the standard wants it: a trace must never break a request.
func (x *exchange) trace() (t tools.Trace) {
	if parent, ok := stringOf(x.meta[metaTraceParent]); ok && traceparent.MatchString(parent) {
		t.Parent = parent
		if state, ok := stringOf(x.meta[metaTraceState]); ok && len(state) <= 512 && visible(state) {
			t.State = state
		}
	}
	if baggage, ok := stringOf(x.meta[metaBaggage]); ok && len(baggage) <= 8192 && visible(baggage) {
		t.Baggage = baggage
	}
	return t
}

func (s *Server) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// stringsIn reads an object of strings; nil if it is none.
func stringsIn(raw jsontext.Value) map[string]string {
	var m map[string]string
	if raw.Kind() != '{' || json.Unmarshal(raw, &m) != nil {
		return nil
	}
	return m
}
