package mcp

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-oauth-server/tools"
)

// rounds is one call of 2026-07-28 on its way through several requests. The
// handler runs anew in each; what it asked before and was told is in the sealed
// state, what it was told now in inputResponses.
type rounds struct {
	known     []given                   // answers, in the order they were given
	open      map[string]string         // digest of each question the last round asked, by key
	resumed   bool                      // there was a state
	responses map[string]jsontext.Value // what the client answers now
	used      map[string]int            // how often the handler used a key in this run
	pending   []pending                 // what has no answer yet
	digest    string                    // of what is called with which arguments
}

// given is one answer and the question it was given to.
type given struct {
	Key      string         `json:"k"`
	Question string         `json:"q"` // digest
	Result   jsontext.Value `json:"r"`
}

type pending struct {
	key, digest string
	inquiry     tools.Inquiry
}

// payload is State.Payload.
type payload struct {
	Known []given           `json:"a,omitzero"`
	Open  map[string]string `json:"o"`
}

const (
	maxState   = 64 << 10 // of a requestState, in bytes
	maxPayload = 32 << 10 // of what is sealed in it
)

// errAsked ends a handler that waits for the client's input.
var errAsked = errors.New("the client's input is needed: return this error as it is")

// errBadState is one error for every fault, so that nobody learns which it was.
func errBadState() *Error {
	return invalidParams("requestState is not valid for this request, or has expired: send the request again without it")
}

// resume reads what a client of 2026-07-28 brings to a repeated request. A state
// is worth nothing unless, in this order: it opens (genuine, not expired), it was
// made for this user, for this client, for this method, and for this call with
// these arguments.
func (x *exchange) resume(name string, arguments jsontext.Value) *Error {
	if !x.modern {
		return nil
	}
	r := &x.talk.rounds
	var problem *Error
	if r.digest, problem = digestCall(name, arguments, &x.params); problem != nil {
		return problem
	}
	if raw := x.params.get("inputResponses"); raw != nil {
		if raw.Kind() != '{' || json.Unmarshal(raw, &r.responses) != nil {
			return invalidParams("inputResponses must be an object")
		}
		for _, response := range r.responses {
			if response.Kind() != '{' {
				return invalidParams("every one of inputResponses must be an object")
			}
		}
	}
	if raw := x.params.get("requestState"); raw != nil {
		return x.openState(raw)
	}
	return nil
}

func (x *exchange) openState(raw jsontext.Value) *Error {
	sealed, ok := stringOf(raw)
	if !ok || len(sealed) > maxState || x.server.OpenState == nil {
		return errBadState()
	}
	r := &x.talk.rounds
	state, err := x.server.OpenState(sealed)
	if err != nil ||
		!equal(state.Subject, x.Caller.Subject) ||
		!equal(state.Client, x.Caller.ClientID) ||
		!equal(state.Method, x.method) ||
		!equal(state.Digest, r.digest) {
		return errBadState()
	}
	var p payload
	if err := json.Unmarshal(state.Payload, &p); err != nil {
		return errBadState()
	}
	r.known, r.open, r.resumed = p.Known, p.Open, true
	return nil
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// digestCall is the digest of a call: of its name and its arguments without white
// space, with sorted members, since a client may write them down anew. A request that asks
// for nothing and brings nothing needs none until it asks.
func digestCall(name string, arguments jsontext.Value, params *members) (string, *Error) {
	if params.get("requestState") == nil {
		return "", nil
	}
	digest, err := digestOf(name, arguments)
	if err != nil {
		return "", invalidParams("arguments are not valid JSON")
	}
	return digest, nil
}

func digestOf(name string, value jsontext.Value) (string, error) {
	canonical := value.Clone()
	if len(canonical) > 0 {
		// Not RFC 8785, which takes two large integers for one float.
		if err := canonical.Format(jsontext.ReorderRawObjects(true)); err != nil {
			return "", err
		}
	}
	h := sha256.New()
	fmt.Fprintf(h, "%d:%s", len(name), name)
	h.Write(canonical)
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)), nil
}

// require answers a handler's questions from what the client has told, or makes
// them part of the result. An answer counts only for the very question it was
// given to: a person who agreed to delete three files has not agreed to five.
// Without a state there was no question yet; then an answer counts by its key.
func (x *exchange) require(inquiries []tools.Inquiry) ([]jsontext.Value, error) {
	x.talk.mu.Lock()
	defer x.talk.mu.Unlock()
	r := &x.talk.rounds
	results := make([]jsontext.Value, len(inquiries))
	complete := true
	for i, q := range inquiries {
		key := r.keyOf(q.Key)
		question, err := digestOf(q.Method, q.Params)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", tools.ErrInternal, q.Method, err)
		}
		question = question[:22] // 128 bits
		if results[i] = r.answerTo(key, question, q.Check); results[i] == nil {
			complete = false
			r.pending = append(r.pending, pending{key, question, q})
		}
	}
	if !complete {
		return nil, errAsked
	}
	return results, nil
}

// keyOf makes the keys of one run unique, the same way in every run.
func (r *rounds) keyOf(key string) string {
	if key == "" {
		key = "input"
	}
	if r.used == nil {
		r.used = make(map[string]int)
	}
	r.used[key]++
	if n := r.used[key]; n > 1 {
		return key + "-" + strconv.Itoa(n)
	}
	return key
}

// answerTo returns the answer to a question; nil if there is none that counts.
func (r *rounds) answerTo(key, question string, check func(jsontext.Value) error) jsontext.Value {
	for _, g := range r.known {
		if g.Key == key && g.Question == question {
			return g.Result
		}
	}
	result, ok := r.responses[key]
	if !ok || r.resumed && r.open[key] != question || check(result) != nil {
		return nil
	}
	r.known = append(r.known, given{key, question, result})
	return result
}

// asking reports whether the handler waits for the client's input.
func (t *talk) asking() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.rounds.pending) > 0
}

// inputRequest is one question in a result that requires input.
type inputRequest struct {
	Method string         `json:"method"`
	Params jsontext.Value `json:"params,omitzero"`
}

// inputRequired returns the result of a call whose handler waits for input; nil
// if it does not. A handler that broke has no say.
func (x *exchange) inputRequired(err error) (any, *Error) {
	if !x.modern || errors.Is(err, tools.ErrInternal) || errors.Is(err, tools.ErrOverdue) {
		return nil, nil
	}
	x.talk.mu.Lock()
	defer x.talk.mu.Unlock()
	r := &x.talk.rounds
	if len(r.pending) == 0 {
		return nil, nil
	}
	requests := make(map[string]inputRequest, len(r.pending))
	open := make(map[string]string, len(r.pending))
	for _, p := range r.pending {
		requests[p.key] = inputRequest{p.inquiry.Method, p.inquiry.Params}
		open[p.key] = p.digest
	}
	state, problem := x.sealState(payload{r.known, open})
	if problem != nil {
		return nil, problem
	}
	head := x.server.head(x)
	head.ResultType = "input_required"
	return struct {
		resultHead
		Requests map[string]inputRequest `json:"inputRequests"`
		State    string                  `json:"requestState"`
	}{head, requests, state}, nil
}

// sealState makes the requestState for the next round of this call.
func (x *exchange) sealState(p payload) (string, *Error) {
	text, err := json.Marshal(p, json.Deterministic(true))
	if err == nil && len(text) > maxPayload {
		return "", invalidParams("the answers are too large to go on with: at most 32 KiB together")
	}
	name := x.params.get("name")
	if x.method == "resources/read" {
		name = x.params.get("uri")
	}
	called, _ := stringOf(name)
	var digest, sealed string
	if err == nil {
		digest, err = digestOf(called, x.params.get("arguments"))
	}
	if err == nil {
		sealed, err = x.server.SealState(State{
			Subject: x.Caller.Subject, Client: x.Caller.ClientID, Method: x.method, Digest: digest, Payload: text,
		})
	}
	if err != nil {
		x.server.Log.Error("requestState not sealed", "event", "state_seal", "request_id", x.Request.ID.String(), "err", err)
		return "", internalError(x.Request.ID)
	}
	return sealed, nil
}
