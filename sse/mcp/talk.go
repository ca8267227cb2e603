package mcp

import (
	"fmt"
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
		if c, problem = readCapabilities(x.meta.get(metaCapabilities)); problem != nil {
			return 0, problem
		}
		if x.server.SealState == nil || x.server.OpenState == nil {
			return 0, nil
		}
	case x.Session != nil && x.Peer != nil:
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
	token := x.meta.get(metaProgress)
	if x.conversation == nil || !validID(token) {
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
	if x.conversation == nil || !x.talk.logs || level < x.logLevel() || level > tools.Emergency {
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
		x.server.Log.Error("notification dropped", "event", "mcp_notification", "method", method, "request_id", x.Request.ID.String(), "err", err)
		return
	}
	_ = x.conversation.Notify(body) // the client is gone or slow; the handler's context tells
}

func (s *Server) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}
