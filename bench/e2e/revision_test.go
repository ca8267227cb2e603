package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// Revision 2025-03-26 over HTTP has no version header, and alone has batches. The official suite says next to nothing
// of it, so this is ours: two replicas that take turns, so that no two messages of a client reach the same one.
func TestRevision20250326(t *testing.T) {
	t.Parallel()
	f := newFront(t, roundRobin)
	pair := startPair(t, f, startDevProvider(t, f.url()))
	g := aim(t, pair[0])
	g.base, g.watch.port = f.url(), portOf(t, f.url())
	early := &earlyClient{target: g, token: g.loggedIn(t, "alice").tokens.AccessToken}
	t.Run("a conversation without version headers", early.converse)
	t.Run("errors have the codes of their time", early.err)
	t.Run("batches", early.batch)
	t.Run("batches without a handshake", func(t *testing.T) {
		(&earlyClient{target: g, token: early.token}).batch(t)
	})
	t.Run("no initialize in a batch", early.initializeInBatch)
	t.Run("batches that are none", early.noBatches)
	t.Run("no batches in other revisions", early.batchesElsewhere)
	f.spread(t)
}

// earlyClient is a client of 2025-03-26: it sends no version header, and its session id once it has one.
type earlyClient struct {
	*target
	token, session string
}

// post sends a body as the client would; more headers may follow.
func (c *earlyClient) post(t *testing.T, body string, headers ...string) reply {
	t.Helper()
	if c.session != "" {
		headers = append(headers, "Mcp-Session-Id", c.session)
	}
	return c.rpcTo(t, "/sse", c.token, body, headers...)
}

// answer is a JSON-RPC response.
type answer struct {
	ID     any
	Result json.RawMessage
	Error  *struct {
		Code    int
		Message string
	}
}

// ask sends a request and returns its result.
func (c *earlyClient) ask(t *testing.T, body string, result any) reply {
	t.Helper()
	r := c.post(t, body)
	var got answer
	if decode(t, r.body, &got); r.status != http.StatusOK || got.Error != nil {
		t.Fatalf("%s answers %d: %s", body, r.status, r.body)
	}
	decode(t, string(got.Result), result)
	return r
}

// converse is a handshake and the use of a tool.
func (c *earlyClient) converse(t *testing.T) {
	var hello struct {
		ProtocolVersion string
		Capabilities    struct{ Tools map[string]any }
	}
	r := c.ask(t, initialize("2025-03-26"), &hello)
	if hello.ProtocolVersion != "2025-03-26" || hello.Capabilities.Tools == nil {
		t.Fatalf("initialize answers %s", r.body)
	}
	if c.session = r.header.Get("Mcp-Session-Id"); c.session == "" {
		t.Fatal("initialize gives no session id")
	}
	secrets.add(c.session)
	if r := c.post(t, `{"jsonrpc":"2.0","method":"notifications/initialized"}`); r.status != http.StatusAccepted || r.body != "" {
		t.Errorf("notifications/initialized answers %d %q", r.status, r.body)
	}

	// What came with later revisions is not shown to clients that may check what they are sent.
	var list struct{ Tools []map[string]json.RawMessage }
	c.ask(t, `{"jsonrpc":"2.0","id":2,"method":"tools/list"}`, &list)
	for _, tool := range list.Tools {
		if tool["outputSchema"] != nil || tool["title"] != nil || tool["annotations"] == nil || tool["inputSchema"] == nil {
			t.Errorf("a tool is listed as %s", tool)
		}
	}
	if len(list.Tools) != 3 {
		t.Errorf("%d tools, want 3", len(list.Tools))
	}
	var called map[string]json.RawMessage
	c.ask(t, callOf("3", "sum", `{"a":19.5,"b":-2}`), &called)
	if called["structuredContent"] != nil || called["resultType"] != nil || !strings.Contains(string(called["content"]), "17.50") {
		t.Errorf("sum answers %s", called)
	}
	// The one stream that a GET could open is the old transport's, and no session of ours lives long enough to be ended.
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		if r := c.tell(t, method, "/sse", "", "Authorization", "Bearer "+c.token, "Accept", "text/event-stream", "Mcp-Session-Id", c.session); r.status != http.StatusMethodNotAllowed {
			t.Errorf("%s with a session answers %d", method, r.status)
		}
	}
}

// err checks that errors of a call are errors of the protocol: as results they came later. A status of 404 would tell
// the client that its session is gone.
func (c *earlyClient) err(t *testing.T) {
	for body, code := range map[string]int{
		`{"jsonrpc":"2.0","id":1,"method":"server/discover"}`: -32601,
		callOf("1", "no_such_tool", `{}`):                     -32602,
		callOf("1", "sum", `{"a":"one","b":2}`):               -32602,
	} {
		r := c.post(t, body)
		var got answer
		if decode(t, r.body, &got); r.status != http.StatusOK || got.Error == nil || got.Error.Code != code || got.ID != 1.0 {
			t.Errorf("%s answers %d: %s, want %d", body, r.status, r.body, code)
		}
	}
}

// batch sends requests and notifications together; the former are answered together.
func (c *earlyClient) batch(t *testing.T) {
	for _, headers := range [][]string{nil, {"MCP-Protocol-Version", "2025-03-26"}} {
		got := c.answers(t, headers, notification, callOf("1", "echo", `{"message":"first"}`), notification,
			callOf(`"two"`, "sum", `{"a":1,"b":2}`), `{"jsonrpc":"2.0","id":3,"method":"no/such"}`, `{"jsonrpc":"1.0","id":4,"method":"ping"}`,
			`{"jsonrpc":"2.0","id":"five","method":"ping"}`)
		if len(got) != 5 {
			t.Fatalf("%d answers, want 5: %v", len(got), got)
		}
		for id, want := range map[any]string{1.0: "first", "two": "3.00", "five": "{}"} {
			if a := got[id]; a.Error != nil || !strings.Contains(string(a.Result), want) {
				t.Errorf("%v is answered %s %v, want %s", id, a.Result, a.Error, want)
			}
		}
		for id, code := range map[any]int{3.0: -32601, 4.0: -32600} {
			if a := got[id]; a.Error == nil || a.Error.Code != code || a.Result != nil {
				t.Errorf("%v is answered %s %v, want error %d", id, a.Result, a.Error, code)
			}
		}
		for _, only := range []string{"[" + notification + "]", "[" + notification + "," + notification + "]"} {
			if r := c.post(t, only, headers...); r.status != http.StatusAccepted || r.body != "" {
				t.Errorf("a batch of notifications is answered %d %q", r.status, r.body)
			}
		}
		// Also a single request in a batch has its answer in an array.
		if got := c.answers(t, headers, `{"jsonrpc":"2.0","id":7,"method":"ping"}`); len(got) != 1 || got[7.0].Error != nil {
			t.Errorf("a batch of one is answered %v", got)
		}
	}
}

// answers sends a batch and returns its answers by id.
func (c *earlyClient) answers(t *testing.T, headers []string, messages ...string) map[any]answer {
	t.Helper()
	r := c.post(t, "["+strings.Join(messages, ",")+"]", headers...)
	if r.status != http.StatusOK || !strings.HasPrefix(r.header.Get("Content-Type"), "application/json") {
		t.Fatalf("a batch is answered %d: %s", r.status, r.body)
	}
	var all []answer
	decode(t, r.body, &all)
	byID := make(map[any]answer)
	for _, a := range all {
		if _, twice := byID[a.ID]; twice {
			t.Errorf("%v is answered twice", a.ID)
		}
		byID[a.ID] = a
	}
	return byID
}

// initializeInBatch: the handshake stands alone, and one that was refused leaves no session behind.
func (c *earlyClient) initializeInBatch(t *testing.T) {
	for _, version := range []string{"2025-03-26", "2025-11-25"} {
		body := "[" + initialize(version) + `,{"jsonrpc":"2.0","id":2,"method":"ping"}]`
		r := (&earlyClient{target: c.target, token: c.token}).post(t, body)
		var all []answer
		decode(t, r.body, &all)
		refused := func(a answer) bool { return a.ID == 1.0 && a.Error != nil && a.Error.Code == -32600 && a.Result == nil }
		if r.status != http.StatusOK || len(all) != 2 || !slices.ContainsFunc(all, refused) {
			t.Errorf("initialize of %s in a batch is answered %d: %s", version, r.status, r.body)
		}
		if r.header.Get("Mcp-Session-Id") != "" {
			t.Errorf("initialize of %s in a batch gives a session", version)
		}
	}
}

// noBatches are arrays that are refused as a whole, or whose members are.
func (c *earlyClient) noBatches(t *testing.T) {
	many := strings.TrimSuffix(strings.Repeat(ping+",", 1000), ",")
	for name, body := range map[string]string{
		"empty": "[]", "too many": "[" + many + "]", "cut off": "[" + ping, "two": "[" + ping + "][" + ping + "]",
		"an answer nobody waits for": `[{"jsonrpc":"2.0","id":"no such question","result":{}}]`,
	} {
		r := c.post(t, body)
		var got answer
		if decode(t, r.body, &got); r.status != http.StatusBadRequest || got.Error == nil {
			t.Errorf("%s: answered %d: %s", name, r.status, r.body)
		}
	}
	// A message of a later revision cannot hide from a gateway, which reads headers, in a batch.
	hidden := `{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`
	got := c.answers(t, nil, ping, hidden)
	if a := got[2.0]; a.Error == nil || a.Error.Code != -32020 {
		t.Errorf("a message of 2026-07-28 in a batch is answered %s %v", a.Result, a.Error)
	}
	if a := got[1.0]; a.Error != nil {
		t.Errorf("the message beside it is answered %v", a.Error)
	}
	// What is no message has no id to be answered by. A batch in a batch is none.
	for _, member := range []string{"1", "null", `"ping"`, "[" + ping + "]", "[]", "{}"} {
		if a := c.answers(t, nil, member); len(a) != 1 || a[nil].Error == nil || a[nil].Error.Code != -32600 {
			t.Errorf("%s in a batch is answered %v", member, a)
		}
	}
}

// batchesElsewhere: what the header says counts, and without one what was agreed on.
func (c *earlyClient) batchesElsewhere(t *testing.T) {
	body := "[" + ping + "]"
	for _, version := range []string{"2024-11-05", "2025-06-18", "2025-11-25", "2026-07-28"} {
		stranger := &earlyClient{target: c.target, token: c.token}
		stranger.refuseBatch(t, version+" in the header", body, "MCP-Protocol-Version", version)
		if version == "2026-07-28" {
			continue // has no handshake
		}
		var hello struct{ ProtocolVersion string }
		r := stranger.ask(t, initialize(version), &hello)
		if stranger.session = r.header.Get("Mcp-Session-Id"); stranger.session == "" || hello.ProtocolVersion != version {
			t.Fatalf("initialize of %s answers %s", version, r.body)
		}
		secrets.add(stranger.session)
		stranger.refuseBatch(t, version+" in the session", body)
	}
}

func (c *earlyClient) refuseBatch(t *testing.T, what, body string, headers ...string) {
	t.Helper()
	r := c.post(t, body, headers...)
	var got answer
	decode(t, r.body, &got)
	if r.status != http.StatusBadRequest || got.Error == nil || got.ID != nil {
		t.Errorf("a batch with %s is answered %d: %s", what, r.status, r.body)
	}
}

// notification is one that every revision with a handshake has.
const notification = `{"jsonrpc":"2.0","method":"notifications/initialized"}`

// initialize is the first message of a client that wants a revision.
func initialize(version string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":%q,"capabilities":{},"clientInfo":{"name":"e2e","version":"1"}}}`, version)
}

// callOf is a call of a tool, whose id is given as JSON.
func callOf(id, tool, arguments string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":%q,"arguments":%s}}`, id, tool, arguments)
}
