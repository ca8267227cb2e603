package sse_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/sse/mcp"
	"mcp-oauth-server/tools"
)

// steps is a clock that every look at moves on, so that no report of progress
// is dropped for coming too soon after another.
func (r *replica) steps() func() time.Time {
	var now atomic.Int64
	return func() time.Time { return time.Unix(0, now.Add(int64(time.Second))) }
}

// states seals requestState as main does.
func states(v *artifact.Vault) (func(mcp.State) (string, error), func(string) (mcp.State, error)) {
	sealer, opener := artifact.NewSealer[artifact.RequestState](v), artifact.NewOpener[artifact.RequestState](v)
	return func(s mcp.State) (string, error) {
			return sealer.Seal(artifact.RequestState{Subject: s.Subject, Client: artifact.Digest(s.Client), Method: s.Method, Digest: s.Digest, Payload: s.Payload})
		}, func(sealed string) (mcp.State, error) {
			a, err := opener.Open(sealed)
			return mcp.State{Subject: a.Subject, Client: string(a.Client), Method: a.Method, Digest: a.Digest, Payload: a.Payload}, err
		}
}

type text struct {
	Text string `json:"text"`
}

// talkers are tools that have something to say before their answer.
func (r *replica) talkers() []tools.Item {
	return []tools.Item{
		tools.New(tools.Spec{Name: "steps", Title: "Steps", Description: "Reports steps."},
			func(c *tools.Context, in struct {
				Count int    `json:"count"`
				Say   string `json:"say,omitempty"`
			}) (text, error) {
				for i := range in.Count {
					c.Progress(float64(i+1), float64(in.Count), "step of "+c.Caller.Subject+in.Say)
				}
				return text{"done by " + c.Caller.Subject}, nil
			}),
		tools.New(tools.Spec{Name: "stepwait", Title: "Step and wait", Description: "Reports one step and waits."},
			func(c *tools.Context, _ none) (text, error) {
				c.Progress(1, 2, "waiting")
				r.started <- struct{}{}
				select {
				case <-r.release:
				case <-c.Done():
					r.cancelled <- struct{}{}
				}
				c.Progress(2, 2, "waited")
				return text{"waited"}, nil
			}),
		tools.New(tools.Spec{Name: "ask", Title: "Ask", Description: "Asks for a name."},
			func(c *tools.Context, _ none) (text, error) {
				form := tools.Form{Message: "Who?", Schema: jsontext.Value(`{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}`)}
				if err := c.Ask(&form); err != nil {
					return text{}, err
				}
				return text{fmt.Sprintf("%s %s", form.Action, form.Content)}, nil
			}),
		tools.New(tools.Spec{Name: "announce", Title: "Announce", Description: "Announces new tools.", Announces: tools.ToolsChanged},
			func(c *tools.Context, _ none) (text, error) {
				c.Announce(tools.Change{Kind: tools.ToolsChanged})
				return text{"announced"}, nil
			}),
		tools.New(tools.Spec{Name: "chatter", Title: "Chatter", Description: "Talks until nobody listens.", Logs: true},
			func(c *tools.Context, in struct {
				Messages int `json:"messages"`
			}) (text, error) {
				r.started <- struct{}{}
				long := strings.Repeat("x", 60_000)
				for i := 0; i < in.Messages && c.Err() == nil; i++ {
					c.Log(tools.Emergency, long)
				}
				if c.Err() != nil {
					r.cancelled <- struct{}{}
				}
				return text{"silent"}, nil
			}),
	}
}

// speaks are the headers of a client of a revision up to 2025-11-25.
var speaks = []string{"Accept", "application/json, text/event-stream", "MCP-Protocol-Version", "2025-06-18"}

// speaksModern are those of 2026-07-28.
func speaksModern(method, name string) []string {
	h := []string{"Accept", "application/json, text/event-stream", "MCP-Protocol-Version", "2026-07-28", "Mcp-Method", method}
	if name != "" {
		h = append(h, "Mcp-Name", name)
	}
	return h
}

const modernMeta = `"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{}},"io.modelcontextprotocol/logLevel":"debug","progressToken":"p"`

// talk is a tools/call of a client that wants to hear of progress.
func talk(id int, tool, arguments string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q,"arguments":%s,"_meta":{"progressToken":"p"}}}`, id, tool, arguments)
}

func modernTalk(id int, tool, arguments string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q,"arguments":%s,"_meta":{%s}}}`, id, tool, arguments, modernMeta)
}

// era is a way to call a tool.
type era struct {
	name   string
	talk   func(id int, tool, arguments string) string
	header func(tool string) []string
}

var eras = []era{
	{"2025-06-18", talk, func(string) []string { return speaks }},
	{"2026-07-28", modernTalk, func(tool string) []string { return speaksModern("tools/call", tool) }},
}

// start calls a tool and does not wait for the response.
func (e era) start(t testing.TB, r *replica, token, tool, arguments string) *client {
	t.Helper()
	return r.begin(t, "POST", "/sse", token, e.talk(1, tool, arguments), e.header(tool)...)
}

// openSession initializes with elicitation and returns the session id.
func (r *replica) openSession(t testing.TB, token string) string {
	t.Helper()
	const hello = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{"elicitation":{}},"clientInfo":{"name":"tester","version":"7"}}}`
	id := r.post(t, "/sse", token, hello).header.Get("Mcp-Session-Id")
	if id == "" {
		t.Fatal("no session id")
	}
	return id
}

// questionID is the id of the request that an event holds.
func questionID(t testing.TB, message string) string {
	t.Helper()
	_, rest, found := strings.Cut(message, `"id":"`)
	id, _, closed := strings.Cut(rest, `"`)
	if !found || !closed || !strings.Contains(message, "elicitation/create") {
		t.Fatalf("no question: %s", message)
	}
	return id
}

// reply is what a person answers.
func reply(id, name string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%q,"result":{"action":"accept","content":{"name":%q}}}`, id, name)
}
