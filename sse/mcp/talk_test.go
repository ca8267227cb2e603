package mcp_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mcp-oauth-server/sse/mcp"
	"mcp-oauth-server/tools"
)

// old and modern are requests of the two eras, from a client that can do all.
func old(body string, d *dialogue) mcp.Request {
	r := mcp.Request{
		ID: tools.RequestID{Process: "req", Number: 1}, Body: []byte(body), Caller: tools.Caller{Subject: "alice", ClientID: "app"},
		ProtocolVersion: mcp.Header{Value: mcp.Version20251125, Count: 1},
		Session: &mcp.Session{
			Version:      mcp.Version20251125,
			Capabilities: mcp.Roots | mcp.Sampling | mcp.ElicitationForm | mcp.ElicitationURL,
		},
	}
	if d != nil {
		r.Peer = d
	}
	return r
}

const modernMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
	`"io.modelcontextprotocol/clientCapabilities":{"roots":{},"sampling":{},"elicitation":{"form":{},"url":{}}}}`

func modern(method, name, params string, d *dialogue) mcp.Request {
	r := mcp.Request{
		ID: tools.RequestID{Process: "req", Number: 1}, Caller: tools.Caller{Subject: "alice", ClientID: "app"},
		Body:            []byte(`{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":{` + params + `,` + modernMeta + `}}`),
		ProtocolVersion: mcp.Header{Value: mcp.Version20260728, Count: 1},
		Method:          mcp.Header{Value: method, Count: 1},
		Name:            mcp.Header{Value: name, Count: min(1, len(name))},
	}
	if d != nil {
		r.Peer = d
	}
	return r
}

// serve is a server with one tool, "x", that does what do does.
func serve(t *testing.T, spec tools.Spec, do func(*tools.Context) error) *mcp.Server {
	t.Helper()
	spec.Name, spec.Title, spec.Description = "x", "X", "X."
	registry, err := tools.NewRegistry(tools.New(spec, func(c *tools.Context, _ struct{}) (tools.Contents, error) {
		return tools.Contents{tools.Text{Text: "fine"}}, do(c)
	}))
	if err != nil {
		t.Fatal(err)
	}
	return &mcp.Server{
		Name: "test", Version: "1", Tools: registry, Log: slog.New(slog.DiscardHandler),
		SealState: sealState, OpenState: openState,
	}
}

const callX = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","_meta":{"progressToken":"p"}}}`

// TestProgressPace: progress is told at most every 10 ms, and its end always.
func TestProgressPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, tools.Spec{}, func(c *tools.Context) error {
			for i := range 100 {
				c.Progress(float64(i+1), 100, "")
				time.Sleep(time.Millisecond)
			}
			c.Progress(200, 100, "")
			return nil
		})
		d := &dialogue{}
		s.Handle(t.Context(), old(callX, d))
		said := d.messages()
		if len(said) < 10 || len(said) > 13 || !strings.Contains(said[len(said)-1], `"progress":200`) {
			t.Errorf("%d reports, the last %s", len(said), said[len(said)-1])
		}
	})
}

// TestNothingAfterTheEnd: a handler that goes on after its time speaks to nobody.
func TestNothingAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release, done := make(chan struct{}), make(chan struct{})
		s := serve(t, tools.Spec{Logs: true, Announces: tools.ToolsChanged}, func(c *tools.Context) error {
			defer close(done)
			<-release
			c.Progress(1, 2, "late")
			c.Log(tools.Error, "late")
			return c.Ask(&tools.Roots{})
		})
		d := &dialogue{answers: []string{`"result":{"roots":[]}`}}
		reply := s.Handle(t.Context(), old(callX, d))
		if !strings.Contains(string(reply.Body), "did not finish in time") {
			t.Errorf("got %s", reply.Body)
		}
		d.mu.Lock()
		d.closed = true
		d.mu.Unlock()
		close(release)
		<-done
		if said := d.messages(); len(said) != 0 {
			t.Errorf("said after the answer: %q", said)
		}
	})
}

// TestThinkingTime: a person may take minutes, which are not the handler's; but
// not for ever.
func TestThinkingTime(t *testing.T) {
	tests := []struct {
		name    string
		hold    time.Duration
		answers int
		want    string
		took    time.Duration
	}{
		{"four minutes, twice", 4 * time.Minute, 2, "fine", 8 * time.Minute},
		{"nobody answers", 0, 0, "did not answer in time", 5 * time.Minute},
		{"too late", 6 * time.Minute, 1, "did not answer in time", 5 * time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, tools.Spec{}, func(c *tools.Context) error {
					for range max(tt.answers, 1) {
						if err := c.Ask(&tools.Roots{}); err != nil {
							return err
						}
					}
					return nil
				})
				d := &dialogue{hold: tt.hold, answers: slices.Repeat([]string{`"result":{"roots":[]}`}, tt.answers)}
				start := time.Now()
				reply := s.Handle(t.Context(), old(callX, d))
				if took := time.Since(start); took != tt.took || !strings.Contains(string(reply.Body), tt.want) {
					t.Errorf("got %s after %s", reply.Body, took)
				}
			})
		})
	}
}

// TestOwnTimeAfterAsking: what a handler has left of its time when it asks is all
// it has after the answer.
func TestOwnTimeAfterAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, tools.Spec{}, func(c *tools.Context) error {
			time.Sleep(20 * time.Second)
			if err := c.Ask(&tools.Roots{}); err != nil {
				return err
			}
			<-c.Done()
			return c.Err()
		})
		d := &dialogue{hold: time.Minute, answers: []string{`"result":{"roots":[]}`}}
		start := time.Now()
		reply := s.Handle(t.Context(), old(callX, d))
		if took := time.Since(start); took != 90*time.Second || !strings.Contains(string(reply.Body), "did not finish in time") {
			t.Errorf("got %s after %s", reply.Body, took)
		}
	})
}

// TestCancel: a cancelled request has no answer, whoever cancels it.
func TestCancel(t *testing.T) {
	waits := func(c *tools.Context) error { <-c.Done(); return c.Err() }
	t.Run("notification", func(t *testing.T) {
		d := &dialogue{}
		s := serve(t, tools.Spec{}, func(c *tools.Context) error { d.cancel(); return waits(c) })
		if reply := s.Handle(t.Context(), old(callX, d)); reply.Outcome != mcp.Cancelled || reply.Body != nil {
			t.Errorf("got %+v", reply)
		}
		if !slices.Equal(d.begun, []string{"1"}) {
			t.Errorf("begun: %q", d.begun)
		}
	})
	for name, r := range map[string]mcp.Request{
		"old client leaves":    old(callX, nil),
		"modern client leaves": modern("tools/call", "x", `"name":"x"`, &dialogue{}),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, leave := context.WithCancel(t.Context())
			s := serve(t, tools.Spec{}, func(c *tools.Context) error { leave(); return waits(c) })
			if reply := s.Handle(ctx, r); reply.Outcome != mcp.Cancelled || reply.Body != nil {
				t.Errorf("got %+v", reply)
			}
		})
	}
}

// TestBadAnswers: what is no answer to the question is an error of the tool.
func TestBadAnswers(t *testing.T) {
	form := func() tools.Question {
		return &tools.Form{Message: "?", Schema: []byte(`{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}`)}
	}
	roots := func() tools.Question { return &tools.Roots{} }
	sampling := func() tools.Question { return &tools.Sampling{MaxTokens: 1} }
	tests := []struct {
		name     string
		question func() tools.Question
		answer   string
		want     string
	}{
		{"no JSON", roots, `raw:{`, "not valid JSON"},
		{"duplicate", roots, `raw:{"jsonrpc":"2.0","id":"ask-1","result":{},"result":{"roots":[]}}`, "not valid JSON"},
		{"other id", roots, `raw:{"jsonrpc":"2.0","id":"ask-2","result":{"roots":[]}}`, "another question"},
		{"number id", roots, `raw:{"jsonrpc":"2.0","id":1,"result":{"roots":[]}}`, "another question"},
		{"result and error", roots, `"result":{"roots":[]},"error":{"code":1,"message":"no"}`, `refused to answer: \"no\"`},
		{"long error", roots, `"error":{"code":1,"message":"` + strings.Repeat("x", 1000) + `"}`, `refused to answer: \"` + strings.Repeat("x", 200) + `\"`},
		{"error is no object", roots, `"error":"no"`, "refused to answer"},
		{"no result", roots, `"x":1`, "no result"},
		{"result is a list", roots, `"result":[]`, "no result"},
		{"no roots", roots, `"result":{}`, "no list of roots"},
		{"roots null", roots, `"result":{"roots":null}`, "no list of roots"},
		{"no action", form, `"result":{"content":{"n":1}}`, "none of accept"},
		{"yes", form, `"result":{"action":"yes","content":{"n":1}}`, "none of accept"},
		{"accept without content", form, `"result":{"action":"accept"}`, "no content"},
		{"content does not fit", form, `"result":{"action":"accept","content":{"n":"1"}}`, "does not fit the form"},
		{"decline", form, `"result":{"action":"decline","content":{"n":"1"}}`, "fine"},
		{"no content", sampling, `"result":{"model":"m"}`, "neither text nor image"},
		{"tool use", sampling, `"result":{"model":"m","content":[{"type":"tool_use","id":"1","name":"x","input":{}}]}`, "neither text nor image"},
		{"list of texts", sampling, `"result":{"model":"m","content":[{"type":"text","text":"a"},{"type":"image","data":"aQ==","mimeType":"image/png"}]}`, "fine"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, tools.Spec{}, func(c *tools.Context) error { return c.Ask(tt.question()) })
			reply := s.Handle(t.Context(), old(callX, &dialogue{answers: []string{tt.answer}}))
			if !strings.Contains(string(reply.Body), tt.want) || strings.Contains(string(reply.Body), strings.Repeat("x", 201)) {
				t.Errorf("got %s, want %s", reply.Body, tt.want)
			}
			if isError := strings.Contains(string(reply.Body), `"isError":true`); isError != (tt.want != "fine") {
				t.Errorf("got %s", reply.Body)
			}
		})
	}
}

// TestNoWayToAsk: where the client cannot be asked the tool is told so, and can
// say it or do without.
func TestNoWayToAsk(t *testing.T) {
	asks := func(c *tools.Context) error {
		if c.Can(mcp.Roots) {
			return fmt.Errorf("it can")
		}
		return c.Ask(&tools.Roots{})
	}
	noSession := old(callX, &dialogue{})
	noSession.Session = nil
	unable := old(callX, &dialogue{})
	unable.Session = &mcp.Session{Version: mcp.Version20251125, Capabilities: mcp.Sampling}
	for name, r := range map[string]mcp.Request{"no conversation": old(callX, nil), "no session": noSession, "unable": unable} {
		reply := serve(t, tools.Spec{}, asks).Handle(t.Context(), r)
		if !strings.Contains(string(reply.Body), `offers roots; yours does not`) {
			t.Errorf("%s: got %s", name, reply.Body)
		}
	}
	s := serve(t, tools.Spec{}, asks)
	s.SealState, s.OpenState = nil, nil
	if reply := s.Handle(t.Context(), modern("tools/call", "x", `"name":"x"`, nil)); reply.Outcome != mcp.BadRequest ||
		!strings.Contains(string(reply.Body), `"code":-32021`) {
		t.Errorf("modern, without a vault: got %s", reply.Body)
	}
}

// TestLogLevels: a client hears of its level and above. Without a Spec that says
// so nothing is sent and nothing promised.
func TestLogLevels(t *testing.T) {
	logs := func(c *tools.Context) error {
		for level := tools.Debug; level <= tools.Emergency+1; level++ {
			c.Log(level, "m")
		}
		c.Log(0, "m")
		c.Log(tools.Alert, strings.Repeat("x", 70_000)) // more than anybody reads
		c.Log(tools.Alert, make(chan int))
		return nil
	}
	for level := uint8(0); level <= 8; level++ {
		d := &dialogue{}
		r := old(callX, d)
		r.Session.LogLevel = level
		serve(t, tools.Spec{Logs: true}, logs).Handle(t.Context(), r)
		want := 9 - int(level)
		if level == 0 {
			want = 7 // info and above
		}
		if got := len(d.messages()); got != want {
			t.Errorf("level %d: got %d messages, want %d", level, got, want)
		}
	}
	d := &dialogue{}
	s := serve(t, tools.Spec{}, logs)
	s.Handle(t.Context(), old(callX, d))
	if said := d.messages(); len(said) != 0 {
		t.Errorf("a tool that does not log said %q", said)
	}
	reply := s.Handle(t.Context(), old(`{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"info"}}`, d))
	if !strings.Contains(string(reply.Body), "-32601") {
		t.Errorf("logging/setLevel without logging: got %s", reply.Body)
	}
}

// TestSessionChanges: what a client sets is in the session it gets, and the rest
// of the session is as it was.
func TestSessionChanges(t *testing.T) {
	s, _ := newWorkshop(t, slog.New(slog.DiscardHandler))
	session := &mcp.Session{Version: mcp.Version20241105, ClientName: "c"}
	send := func(method, params string) mcp.Reply {
		r := mcp.Request{Transport: mcp.LegacySSE, Session: session, Caller: tools.Caller{Subject: "alice"}}
		r.Body = []byte(`{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":` + params + `}`)
		reply := s.Handle(t.Context(), r)
		if reply.Session != nil {
			session = reply.Session
		}
		return reply
	}
	send("logging/setLevel", `{"level":"alert"}`)
	before := session
	send("resources/subscribe", `{"uri":"note:///readme"}`)
	send("resources/subscribe", `{"uri":"note:///readme"}`)
	if session.LogLevel != 7 || session.ClientName != "c" || !slices.Equal(session.Watched, []string{"note:///readme"}) || before.Watched != nil {
		t.Errorf("got %+v, before %+v", session, before)
	}
	updated := tools.Change{Kind: tools.ResourceUpdated, URI: "note:///readme"}
	frame, ok := session.Frame(updated)
	if want := `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"note:///readme"}}`; !ok || string(frame) != want {
		t.Errorf("got %s", frame)
	}
	if frame, ok := session.Frame(tools.Change{Kind: tools.ToolsChanged}); !ok || string(frame) != `{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}` {
		t.Errorf("got %s", frame)
	}
	if _, ok := session.Frame(tools.Change{Kind: 128}); ok {
		t.Error("an unknown change is told")
	}
	for i := range 70 {
		send("resources/subscribe", fmt.Sprintf(`{"uri":"note://alice/%d"}`, i))
	}
	if len(session.Watched) != 64 {
		t.Errorf("got %d subscriptions, want 64 at most", len(session.Watched))
	}
	send("resources/unsubscribe", `{"uri":"note:///readme"}`)
	if _, ok := session.Frame(updated); ok {
		t.Error("told after unsubscribing")
	}
}

// TestListen: a subscription hears of what it was granted, with its own id, and
// a server that announces nothing grants nothing.
func TestListen(t *testing.T) {
	s, changes := newWorkshop(t, slog.New(slog.DiscardHandler))
	const wants = `"notifications":{"toolsListChanged":true,"promptsListChanged":true,"resourceSubscriptions":["note:///readme","note:///diary"]}`
	listen := s.Handle(t.Context(), modern("subscriptions/listen", "", wants, &dialogue{})).Listen
	s.Handle(t.Context(), modern("tools/call", "talk", `"name":"talk"`, nil))
	if want := []tools.Change{{Kind: tools.ResourceUpdated, URI: "note:///readme"}}; !slices.Equal(changes.list, want) {
		t.Fatalf("announced %v", changes.list)
	}
	for c, want := range map[tools.Change]string{
		{Kind: tools.ResourceUpdated, URI: "note:///readme"}: `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"note:///readme","_meta":{"io.modelcontextprotocol/subscriptionId":1}}}`,
		{Kind: tools.ToolsChanged}:                           `{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":1}}}`,
		{Kind: tools.ResourceUpdated, URI: "note:///diary"}:  "", // bob's
		{Kind: tools.PromptsChanged}:                         "", // no tool announces it
		{Kind: tools.ResourcesChanged}:                       "", // not asked for
		{}:                                                   "",
	} {
		if frame, ok := listen.Frame(c); string(frame) != want || ok != (want != "") {
			t.Errorf("%v: got %s", c, frame)
		}
	}
	s.Announce = nil
	listen = s.Handle(t.Context(), modern("subscriptions/listen", "", wants, &dialogue{})).Listen
	if _, ok := listen.Frame(tools.Change{Kind: tools.ToolsChanged}); ok || !strings.Contains(string(listen.First), `"notifications":{}`) {
		t.Errorf("granted what nobody announces: %s", listen.First)
	}
	if reply := s.Handle(t.Context(), modern("subscriptions/listen", "", wants, nil)); reply.Outcome != mcp.NotFound {
		t.Errorf("without a transport for it: got %s", reply.Body)
	}
	for _, bad := range []string{`"notifications":[]`, `"notifications":{"toolsListChanged":1}`, `"notifications":{"resourceSubscriptions":"x"}`,
		`"notifications":{"ToolsListChanged":true}`, `"notifications":{"resourceSubscriptions":["x"` + strings.Repeat(`,"x"`, 64) + `]}`} {
		if reply := s.Handle(t.Context(), modern("subscriptions/listen", "", bad, &dialogue{})); reply.Outcome != mcp.BadRequest {
			t.Errorf("%.60s: got %+v", bad, reply)
		}
	}
}

// TestAKeptContextReachesNobodyElse: what a request was served with is used
// again for the next one, and a handler that kept its Context must not speak to
// the client of that one, nor know who it is.
func TestAKeptContextReachesNobodyElse(t *testing.T) {
	var kept []*tools.Context
	spec := tools.Spec{Name: "x", Title: "X", Description: "X.", Logs: true}
	registry, err := tools.NewRegistry(tools.New(spec, func(c *tools.Context, _ struct{}) (struct{}, error) {
		for _, earlier := range kept {
			earlier.Progress(1, 2, "of another")
			earlier.Log(tools.Emergency, "of another")
			if earlier.Can(tools.RootsAbility) {
				t.Error("a context is used again")
			}
		}
		kept = append(kept, c)
		c.Progress(1, 2, "mine")
		return struct{}{}, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	s := &mcp.Server{Name: "test", Version: "1", Tools: registry, Log: slog.New(slog.DiscardHandler)}
	for i := range 20 {
		d := &dialogue{}
		r := old(callX, d)
		r.Caller.Subject = fmt.Sprint("user ", i)
		if s.Handle(t.Context(), r); len(d.said) != 1 || !strings.Contains(d.said[0], "mine") {
			t.Errorf("the client of call %d heard %q", i, d.said)
		}
	}
	for i, c := range kept {
		if c.Caller.Subject != fmt.Sprint("user ", i) {
			t.Errorf("the context of call %d belongs to %s", i, c.Caller.Subject)
		}
	}
}
