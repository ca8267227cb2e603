package mcp_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-oauth-server/sse/mcp"
	"mcp-oauth-server/tools"
)

// ask3 is a call that needs a confirmation, yes3 the same call with the answer.
const (
	ask3 = `"name":"delete","arguments":{"files":3}`
	yes3 = ask3 + `,"inputResponses":{"sure":{"action":"accept","content":{"yes":true}}}`
)

// firstRound returns the requestState of ask3.
func firstRound(t *testing.T, s *mcp.Server) string {
	t.Helper()
	body := s.Handle(t.Context(), modern("tools/call", "delete", ask3, nil)).Body
	state := stateIn(body)
	if state == "" {
		t.Fatalf("got %s", body)
	}
	return state
}

func withState(params, state string) string {
	quoted, err := jsontext.AppendQuote(nil, state)
	if err != nil {
		panic(err)
	}
	return params + `,"requestState":` + string(quoted)
}

// TestState: a requestState is good for the user, the client, the method and the
// call it was made for, as long as it opens, and for nothing else.
func TestState(t *testing.T) {
	s, _ := newWorkshop(t, slog.New(slog.DiscardHandler))
	state := firstRound(t, s)
	other := stateIn(s.Handle(t.Context(), modern("tools/call", "order", `"name":"order"`, nil)).Body)
	reading := stateIn(s.Handle(t.Context(), modern("resources/read", "note://a/asking", `"uri":"note://a/asking"`, nil)).Body)
	large := stateIn(s.Handle(t.Context(), modern("tools/call", "delete", strings.Replace(ask3, "3", "9007199254740993", 1), nil)).Body)
	good := modern("tools/call", "delete", withState(yes3, state), nil)
	sealed := func(change func(*mcp.State)) string {
		opened, err := openState(state)
		if err != nil {
			t.Fatal(err)
		}
		change(&opened)
		text, err := sealState(opened)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	tests := []struct {
		name string
		r    mcp.Request
		ok   bool
	}{
		{"the same call", good, true},
		{"arguments written otherwise", modern("tools/call", "delete", withState(`"arguments" : {"\u0066iles": 3 }`+strings.TrimPrefix(yes3, ask3)+`,"name":"delete"`, state), nil), true},
		{"again", good, true}, // a state is no one-time ticket
		{"tampered", modern("tools/call", "delete", withState(yes3, state+"-TAMPERED"), nil), false},
		{"cut", modern("tools/call", "delete", withState(yes3, state[:len(state)-2]), nil), false},
		{"empty", modern("tools/call", "delete", withState(yes3, ""), nil), false},
		{"huge", modern("tools/call", "delete", withState(yes3, strings.Repeat("A", 70_000)), nil), false},
		{"number", modern("tools/call", "delete", yes3+`,"requestState":1`, nil), false},
		{"null", modern("tools/call", "delete", yes3+`,"requestState":null`, nil), false},
		{"other arguments", modern("tools/call", "delete", withState(strings.Replace(yes3, "3", "4", 1), state), nil), false},
		{"large integers", modern("tools/call", "delete", withState(strings.Replace(yes3, "3", "9007199254740992", 1), large), nil), false},
		{"more arguments", modern("tools/call", "delete", withState(strings.Replace(yes3, `"files":3`, `"files":3,"x":1`, 1), state), nil), false},
		{"of another tool", modern("tools/call", "delete", withState(yes3, other), nil), false},
		{"for another tool", modern("tools/call", "order", withState(`"name":"order"`, state), nil), false},
		{"of another method", modern("tools/call", "delete", withState(yes3, reading), nil), false},
		{"for a prompt", modern("prompts/get", "delete", withState(`"name":"delete","arguments":{"files":3}`, state), nil), false},
		{"for a resource", modern("resources/read", "delete", withState(`"uri":"delete"`, state), nil), false},
		{"of another user", modern("tools/call", "delete", withState(yes3, sealed(func(s *mcp.State) { s.Subject = "mallory" })), nil), false},
		{"of another client", modern("tools/call", "delete", withState(yes3, sealed(func(s *mcp.State) { s.Client = "other" })), nil), false},
		{"of nobody", modern("tools/call", "delete", withState(yes3, sealed(func(s *mcp.State) { s.Subject, s.Client = "", "" })), nil), false},
		{"of a later version", modern("tools/call", "delete", withState(yes3, sealed(func(s *mcp.State) { s.Payload = []byte("no JSON") })), nil), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reply := s.Handle(t.Context(), tt.r)
			got := read(t, reply.Body)
			switch {
			case tt.ok && (got.Error != nil || !strings.Contains(string(got.Result), `accept {\"yes\":true}`)):
				t.Errorf("got %s", reply.Body)
			case !tt.ok && (got.Error == nil || got.Error.Code != -32602 || reply.Outcome != mcp.BadRequest):
				t.Errorf("got %s", reply.Body)
			case !tt.ok && string(got.ID) != "1":
				t.Errorf("the id is not echoed: %s", reply.Body)
			}
		})
	}
	t.Run("expired", func(t *testing.T) {
		s.OpenState = func(string) (mcp.State, error) { return mcp.State{}, errors.New("expired") }
		if got := read(t, s.Handle(t.Context(), good).Body); got.Error == nil || got.Error.Code != -32602 || strings.Contains(got.Error.Message, "expired\"") {
			t.Errorf("got %+v", got)
		}
	})
}

// TestAnotherQuestion: a yes to deleting three files is none to deleting five.
func TestAnotherQuestion(t *testing.T) {
	s, _ := newWorkshop(t, slog.New(slog.DiscardHandler))
	state := firstRound(t, s)
	files.grow(2)
	defer files.grow(-2)
	reply := s.Handle(t.Context(), modern("tools/call", "delete", withState(yes3, state), nil))
	if !strings.Contains(string(reply.Body), "input_required") || !strings.Contains(string(reply.Body), "Delete 5 files?") {
		t.Errorf("got %s", reply.Body)
	}
	again := stateIn(reply.Body)
	if reply := s.Handle(t.Context(), modern("tools/call", "delete", withState(yes3, again), nil)); !strings.Contains(string(reply.Body), "accept") {
		t.Errorf("after the second yes: got %s", reply.Body)
	}
}

// TestAnswers: missing, unknown and unfit answers lead to the question again,
// malformed ones to an error.
func TestAnswers(t *testing.T) {
	s, _ := newWorkshop(t, slog.New(slog.DiscardHandler))
	state := firstRound(t, s)
	tests := []struct{ responses, want string }{
		{`{}`, "input_required"},
		{`{"other":{"action":"accept","content":{"yes":true}}}`, "input_required"},
		{`{"sure":{"action":"accept","content":{"yes":true}},"other":{"action":"accept","content":{"x":1}}}`, "accept"},
		{`{"sure":{"action":"accept","content":{"yes":"true"}}}`, "input_required"},
		{`{"sure":{"action":"accept"}}`, "input_required"},
		{`{"sure":{"action":"maybe"}}`, "input_required"},
		{`{"sure":{}}`, "input_required"},
		{`{"sure":{"action":"cancel"}}`, "cancel null"},
		{`{"sure":1}`, "-32602"},
		{`{"sure":{"action":"accept","content":{"yes":true}},"other":null}`, "-32602"},
		{`null`, "-32602"},
		{`[]`, "-32602"},
	}
	for _, tt := range tests {
		for _, sent := range []string{state, ""} {
			params := ask3 + `,"inputResponses":` + tt.responses
			if sent != "" {
				params = withState(params, sent)
			}
			if reply := s.Handle(t.Context(), modern("tools/call", "delete", params, nil)); !strings.Contains(string(reply.Body), tt.want) {
				t.Errorf("%s, state %v: got %s", tt.responses, sent != "", reply.Body)
			}
		}
	}
}

// TestPartialAnswers: what was answered in one round is not asked again.
func TestPartialAnswers(t *testing.T) {
	s, _ := newWorkshop(t, slog.New(slog.DiscardHandler))
	const order = `"name":"order"`
	call := func(params string) []byte {
		return s.Handle(t.Context(), modern("tools/call", "order", params, nil)).Body
	}
	state := stateIn(call(order))
	body := call(withState(order+`,"inputResponses":{"input-2":{"roots":[]}}`, state))
	if !strings.Contains(string(body), `"inputRequests":{"input":{`) || strings.Contains(string(body), "roots/list") {
		t.Fatalf("got %s", body)
	}
	body = call(withState(order+`,"inputResponses":{"input":{"action":"decline"}}`, stateIn(body)))
	if !strings.Contains(string(body), "sampling/createMessage") {
		t.Errorf("got %s", body)
	}
}

// TestTooManyAnswers: a client cannot make the state grow without end.
func TestTooManyAnswers(t *testing.T) {
	s, _ := newWorkshop(t, slog.New(slog.DiscardHandler))
	const order = `"name":"order"`
	state := stateIn(s.Handle(t.Context(), modern("tools/call", "order", order, nil)).Body)
	long := `{"input":{"action":"accept","content":{"kind":"` + strings.Repeat("x", 40<<10) + `"}},"input-2":{"roots":[]}}`
	reply := s.Handle(t.Context(), modern("tools/call", "order", withState(order+`,"inputResponses":`+long, state), nil))
	if got := read(t, reply.Body); got.Error == nil || got.Error.Code != -32602 {
		t.Errorf("got %.200s", reply.Body)
	}
}

// TestSealFails: the client learns nothing but a reference.
func TestSealFails(t *testing.T) {
	s, _ := newWorkshop(t, slog.New(slog.DiscardHandler))
	s.SealState = func(mcp.State) (string, error) { return "", errors.New("SECRET") }
	reply := s.Handle(t.Context(), modern("tools/call", "delete", ask3, nil))
	if got := read(t, reply.Body); got.Error == nil || got.Error.Code != -32603 || strings.Contains(string(reply.Body), "SECRET") {
		t.Errorf("got %s", reply.Body)
	}
}

// TestBrokenWhileAsking: a handler that breaks has no say, and one that swallows
// the error of Ask waits all the same.
func TestBrokenWhileAsking(t *testing.T) {
	panics := serve(t, tools.Spec{}, func(c *tools.Context) error {
		if c.Ask(&tools.Roots{}) != nil {
			panic("no patience")
		}
		return nil
	})
	if reply := panics.Handle(t.Context(), modern("tools/call", "x", `"name":"x"`, nil)); !strings.Contains(string(reply.Body), "-32603") {
		t.Errorf("got %s", reply.Body)
	}
	swallows := serve(t, tools.Spec{}, func(c *tools.Context) error {
		_ = c.Ask(&tools.Roots{})
		return nil
	})
	if reply := swallows.Handle(t.Context(), modern("tools/call", "x", `"name":"x"`, nil)); !strings.Contains(string(reply.Body), "input_required") {
		t.Errorf("got %s", reply.Body)
	}
}

// FuzzRounds: whatever a client sends back, nothing panics, and a state that was
// not made here is refused.
func FuzzRounds(f *testing.F) {
	s, _ := newWorkshop(f, slog.New(panicHandler{f}))
	body := s.Handle(f.Context(), modern("tools/call", "delete", ask3, nil)).Body
	f.Add(stateIn(body), `{"sure":{"action":"accept","content":{"yes":true}}}`)
	f.Add("", `{"sure":1}`)
	f.Add(`{"p":"x"}`, `null`)
	f.Fuzz(func(t *testing.T, state, responses string) {
		if !jsontext.Value(responses).IsValid() {
			return
		}
		quoted, err := jsontext.AppendQuote(nil, state)
		if err != nil {
			return
		}
		params := ask3 + `,"inputResponses":` + responses + `,"requestState":` + string(quoted)
		reply := s.Handle(t.Context(), modern("tools/call", "delete", params, nil))
		got := read(t, reply.Body)
		if _, err := openState(state); err != nil && got.Error == nil {
			t.Fatalf("a forged state was taken: %s", reply.Body)
		}
	})
}

// FuzzPayload: a state whose content makes no sense is refused, not obeyed.
func FuzzPayload(f *testing.F) {
	s, _ := newWorkshop(f, slog.New(panicHandler{f}))
	genuine, err := openState(stateIn(s.Handle(f.Context(), modern("tools/call", "delete", ask3, nil)).Body))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(genuine.Payload)
	f.Add([]byte(`{"a":[{"k":"sure","q":"","r":1}],"o":null}`))
	f.Add([]byte(`{"a":[{"k":"sure"}]}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		state := genuine
		state.Payload = payload
		text, err := json.Marshal(state)
		if err != nil || len(text) > 40<<10 {
			return
		}
		sealed, err := sealState(state)
		if err != nil {
			return
		}
		read(t, s.Handle(t.Context(), modern("tools/call", "delete", withState(yes3, sealed), nil)).Body)
	})
}
