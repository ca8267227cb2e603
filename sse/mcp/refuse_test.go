package mcp_test

import (
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-oauth-server/sse/mcp"
)

// answer is a JSON-RPC response as a client reads it.
type answer struct {
	JSONRPC string         `json:"jsonrpc"`
	ID      jsontext.Value `json:"id"`
	Result  jsontext.Value `json:"result"`
	Error   *struct {
		Code    int            `json:"code"`
		Message string         `json:"message"`
		Data    jsontext.Value `json:"data"`
	} `json:"error"`
}

// TestBadMessages: what is no valid message is refused with its code and 400,
// echoes the id if that was readable, and executes nothing.
func TestBadMessages(t *testing.T) {
	const call = `"params":{"name":"echo","arguments":{"message":"EXECUTED"}}`
	deep := func(n int) string {
		return `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}}`
	}
	tests := []struct {
		name, body string
		code       int
		id         string
	}{
		{"empty", ``, -32700, ""},
		{"no JSON", `hello`, -32700, ""},
		{"cut off", `{"jsonrpc":"2.0","id":1,"method":"ping"`, -32700, ""},
		{"comma", `{"jsonrpc":"2.0","id":1,"method":"ping",}`, -32700, ""},
		{"comment", `{"jsonrpc":"2.0","id":1,"method":"ping"/**/}`, -32700, ""},
		{"byte order mark", "\ufeff" + `{"jsonrpc":"2.0","id":1,"method":"ping"}`, -32700, ""},
		{"two messages", `{"jsonrpc":"2.0","id":1,"method":"ping"}{"jsonrpc":"2.0","id":2,"method":"ping"}`, -32700, ""},
		{"NUL after", `{"jsonrpc":"2.0","id":1,"method":"ping"}` + "\x00", -32700, ""},
		{"bad UTF-8", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"` + "\xff" + `"}}}`, -32700, ""},
		{"lone surrogate", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"\ud800"}}}`, -32700, ""},
		{"string", `"ping"`, -32600, ""},
		{"null", `null`, -32600, ""},
		{"63 levels in params", deep(63), -32600, ""},
		{"10000 levels", deep(10000), -32600, ""},
		{"10000 levels unclosed", strings.Repeat(`{"a":`, 10000), -32600, ""},

		{"method twice", `{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call",` + call + `}`, -32600, ""},
		{"method twice, one escaped", `{"jsonrpc":"2.0","id":1,"method":"ping","m\u0065thod":"tools/call",` + call + `}`, -32600, ""},
		{"name twice", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"sum","name":"echo","arguments":{"message":"EXECUTED"}}}`, -32600, ""},
		{"argument twice", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"EXECUTED","message":"EXECUTED"}}}`, -32600, ""},

		{"Method", `{"jsonrpc":"2.0","id":1,"Method":"tools/call",` + call + `}`, -32600, "1"},
		{"METHOD beside method", `{"jsonrpc":"2.0","id":1,"method":"tools/call","METHOD":"ping",` + call + `}`, -32600, "1"},
		{"PARAMS", `{"jsonrpc":"2.0","id":1,"method":"tools/call","PARAMS":{"name":"echo","arguments":{"message":"EXECUTED"}}}`, -32600, "1"},
		{"paramſ", `{"jsonrpc":"2.0","id":1,"method":"tools/call","param\u017f":{"name":"echo","arguments":{"message":"EXECUTED"}}}`, -32600, "1"},
		{"method NUL", `{"jsonrpc":"2.0","id":1,"method\u0000":"tools/call",` + call + `}`, -32600, "1"},
		{"ID", `{"jsonrpc":"2.0","ID":1,"method":"tools/call",` + call + `}`, -32600, ""},
		{"unknown member", `{"jsonrpc":"2.0","id":1,"method":"tools/call","extra":1,` + call + `}`, -32600, "1"},
		{"Name", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","Name":"sum","arguments":{"message":"EXECUTED"}}}`, -32600, "1"},
		{"argumentſ", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"EXECUTED"},"argument\u017f":{}}}`, -32600, "1"},
		{"name NUL", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name\u0000":"echo","arguments":{"message":"EXECUTED"}}}`, -32600, "1"},
		{"_META", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"EXECUTED"},"_META":{}}}`, -32600, "1"},
		{"meta in other case", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"io.modelcontextprotocol/protocolversion":"2026-07-28"},"name":"echo","arguments":{"message":"EXECUTED"}}}`, -32600, "1"},
		{"meta with a Kelvin sign", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVerſion":"2026-07-28"}}}`, -32600, "1"},

		{"id null", `{"jsonrpc":"2.0","id":null,"method":"ping"}`, -32600, ""},
		{"id float", `{"jsonrpc":"2.0","id":1.5,"method":"ping"}`, -32600, ""},
		{"id integral float", `{"jsonrpc":"2.0","id":1.0,"method":"ping"}`, -32600, ""},
		{"id exponent", `{"jsonrpc":"2.0","id":1e999,"method":"ping"}`, -32600, ""},
		{"id huge", `{"jsonrpc":"2.0","id":9223372036854775808,"method":"ping"}`, -32600, ""},
		{"id object", `{"jsonrpc":"2.0","id":{},"method":"ping"}`, -32600, ""},
		{"id true", `{"jsonrpc":"2.0","id":true,"method":"ping"}`, -32600, ""},

		{"no jsonrpc", `{"id":1,"method":"ping"}`, -32600, "1"},
		{"jsonrpc 1.0", `{"jsonrpc":"1.0","id":"a","method":"ping"}`, -32600, `"a"`},
		{"jsonrpc number", `{"jsonrpc":2.0,"id":1,"method":"ping"}`, -32600, "1"},
		{"no method", `{"jsonrpc":"2.0","id":1}`, -32600, "1"},
		{"method number", `{"jsonrpc":"2.0","id":1,"method":1}`, -32600, "1"},
		{"method empty", `{"jsonrpc":"2.0","id":1,"method":""}`, -32600, "1"},
		{"params array", `{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}`, -32600, "1"},
		{"params null", `{"jsonrpc":"2.0","id":1,"method":"ping","params":null}`, -32600, "1"},
		{"request and response", `{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}`, -32600, "1"},
		{"result and error", `{"jsonrpc":"2.0","id":1,"result":{},"error":{}}`, -32600, "1"},
		{"result without id", `{"jsonrpc":"2.0","result":{}}`, -32600, ""},
		{"call without id", `{"jsonrpc":"2.0","method":"tools/call",` + call + `}`, -32600, ""},
	}
	s := newServer(t, slog.New(slog.DiscardHandler))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, version := range []mcp.Header{{}, {Value: mcp.Version20251125, Count: 1}} {
				reply := s.Handle(t.Context(), mcp.Request{Body: []byte(tt.body), ProtocolVersion: version})
				if strings.Contains(string(reply.Body), "EXECUTED") {
					t.Fatalf("executed: %s", reply.Body)
				}
				got := read(t, reply.Body)
				if reply.Outcome != mcp.BadRequest || got.Error == nil || got.Error.Code != tt.code || string(got.ID) != tt.id {
					t.Errorf("got outcome %d, %s; want 400, code %d, id %q", reply.Outcome, reply.Body, tt.code, tt.id)
				}
			}
		})
	}
}

// TestGoodMessages: unusual but valid messages are served.
func TestGoodMessages(t *testing.T) {
	tests := []struct{ name, body, id string }{
		{"white space", " \r\n\t" + `{"jsonrpc":"2.0","id":1,"method":"ping"}` + "\n", "1"},
		{"62 levels in params", `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":` + strings.Repeat("[", 62) + strings.Repeat("]", 62) + `}}`, "1"},
		{"brackets in a string", `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"` + strings.Repeat(`[\"`, 100) + `"}}`, "1"},
		{"id negative", `{"jsonrpc":"2.0","id":-1,"method":"ping"}`, "-1"},
		{"id zero", `{"jsonrpc":"2.0","id":0,"method":"ping"}`, "0"},
		{"id empty string", `{"jsonrpc":"2.0","id":"","method":"ping"}`, `""`},
		{"id at the edge", `{"jsonrpc":"2.0","id":9223372036854775807,"method":"ping"}`, "9223372036854775807"},
		{"unknown params", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"future":{},"_meta":{"traceparent":"00-x"}}}`, "1"},
		{"escaped name", `{"jsonrpc":"2.0","id":1,"m\u0065thod":"ping"}`, "1"},
		{"initialize with little", `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}`, "1"},
	}
	s := newServer(t, slog.New(slog.DiscardHandler))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reply := s.Handle(t.Context(), mcp.Request{Body: []byte(tt.body)})
			if got := read(t, reply.Body); reply.Outcome != mcp.OK || got.Error != nil || string(got.ID) != tt.id {
				t.Errorf("got outcome %d, %s", reply.Outcome, reply.Body)
			}
		})
	}
}

// TestBatchLimits: a batch is no way around the limits of one call.
func TestBatchLimits(t *testing.T) {
	const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	const large = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"bad","arguments":{"how":"half"}}}`
	tests := []struct {
		name, message string
		times         int
		want          mcp.Outcome
	}{
		{"32 pings", ping, 32, mcp.OK},
		{"33 pings", ping, 33, mcp.BadRequest},
		{"one large answer", large, 1, mcp.OK},
		{"three large answers", large, 3, mcp.BadRequest},
	}
	s := newServer(t, slog.New(slog.DiscardHandler))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := "[" + strings.TrimSuffix(strings.Repeat(tt.message+",", tt.times), ",") + "]"
			reply := s.Handle(t.Context(), mcp.Request{Body: []byte(body)})
			if reply.Outcome != tt.want || len(reply.Body) > 4<<20 {
				t.Errorf("got outcome %d with %d bytes, want %d", reply.Outcome, len(reply.Body), tt.want)
			}
		})
	}
}

// TestBodyIsOwned: the reply does not point into the request's body.
func TestBodyIsOwned(t *testing.T) {
	s := newServer(t, slog.New(slog.DiscardHandler))
	body := []byte(`{"jsonrpc":"2.0","id":"mine","method":"tools/call","params":{"name":"echo","arguments":{"message":"mine"}}}`)
	reply := s.Handle(t.Context(), mcp.Request{Body: body})
	before := string(reply.Body)
	clear(body)
	if string(reply.Body) != before || strings.Count(before, "mine") != 2 {
		t.Errorf("got %q, then %q", before, reply.Body)
	}
}

// TestInitialize: which revision is agreed on and what the session keeps.
func TestInitialize(t *testing.T) {
	tests := []struct {
		name, params string
		want         mcp.Session
		code         int
	}{
		{"oldest", `{"protocolVersion":"2024-11-05"}`, mcp.Session{Version: "2024-11-05"}, 0},
		{"unknown old", `{"protocolVersion":"2024-10-07"}`, mcp.Session{Version: "2025-11-25"}, 0},
		{"unknown new", `{"protocolVersion":"2099-01-01"}`, mcp.Session{Version: "2025-11-25"}, 0},
		{"modern", `{"protocolVersion":"2026-07-28"}`, mcp.Session{Version: "2025-11-25"}, 0},
		{"client", `{"protocolVersion":"2025-06-18","clientInfo":{"name":"Claude Code","version":"2.1.197"}}`,
			mcp.Session{Version: "2025-06-18", ClientName: "Claude Code", ClientVersion: "2.1.197"}, 0},
		{"long names", `{"protocolVersion":"2025-06-18","clientInfo":{"name":"` + strings.Repeat("ä", 99) + `","version":"1234567890123"}}`,
			mcp.Session{Version: "2025-06-18", ClientName: strings.Repeat("ä", 12), ClientVersion: "123456789012"}, 0},
		{"cut between characters", `{"protocolVersion":"2025-06-18","clientInfo":{"name":"x` + strings.Repeat("ä", 99) + `"}}`,
			mcp.Session{Version: "2025-06-18", ClientName: "x" + strings.Repeat("ä", 11)}, 0},
		{"roots and sampling", `{"protocolVersion":"2025-06-18","capabilities":{"roots":{},"sampling":{},"x":{}}}`,
			mcp.Session{Version: "2025-06-18", Capabilities: mcp.Roots | mcp.Sampling}, 0},
		{"elicitation before modes", `{"protocolVersion":"2025-06-18","capabilities":{"elicitation":{}}}`,
			mcp.Session{Version: "2025-06-18", Capabilities: mcp.ElicitationForm}, 0},
		{"elicitation by URL", `{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{"url":{}}}}`,
			mcp.Session{Version: "2025-11-25", Capabilities: mcp.ElicitationURL}, 0},
		{"elicitation both", `{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{"url":{},"form":{}}}}`,
			mcp.Session{Version: "2025-11-25", Capabilities: mcp.ElicitationURL | mcp.ElicitationForm}, 0},
		{"no version", `{"capabilities":{}}`, mcp.Session{}, -32602},
		{"version number", `{"protocolVersion":20250618}`, mcp.Session{}, -32602},
		{"bad capabilities", `{"protocolVersion":"2025-06-18","capabilities":[]}`, mcp.Session{}, -32602},
		{"bad client", `{"protocolVersion":"2025-06-18","clientInfo":"x"}`, mcp.Session{}, -32602},
		{"almost roots", `{"protocolVersion":"2025-06-18","capabilities":{"Roots":{}}}`, mcp.Session{}, -32600},
	}
	s := newServer(t, slog.New(slog.DiscardHandler))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := `{"jsonrpc":"2.0","id":1,"method":"initialize","params":` + tt.params + `}`
			reply := s.Handle(t.Context(), mcp.Request{Body: []byte(body)})
			got := read(t, reply.Body)
			if tt.code != 0 {
				if got.Error == nil || got.Error.Code != tt.code || reply.Session != nil {
					t.Errorf("got %s, session %v; want code %d", reply.Body, reply.Session, tt.code)
				}
				return
			}
			if reply.Session == nil || !reflect.DeepEqual(*reply.Session, tt.want) {
				t.Errorf("got session %+v, want %+v", reply.Session, tt.want)
			}
			var result struct {
				ProtocolVersion string `json:"protocolVersion"`
			}
			if err := json.Unmarshal(got.Result, &result); err != nil || result.ProtocolVersion != tt.want.Version {
				t.Errorf("got %s, want version %s", got.Result, tt.want.Version)
			}
		})
	}
}

func read(t *testing.T, body []byte) answer {
	t.Helper()
	var a answer
	if err := json.Unmarshal(body, &a); err != nil || a.JSONRPC != "2.0" || (a.Result == nil) == (a.Error == nil) {
		t.Fatalf("not a JSON-RPC response: %q (%v)", body, err)
	}
	return a
}

// FuzzHandle: whatever comes in, the answer is one without a body or valid
// JSON-RPC on one line, and nothing panics.
func FuzzHandle(f *testing.F) {
	for _, body := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{"elicitation":{"url":{}}},"clientInfo":{"name":"x","version":"1"}}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"x"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`,
		`[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/initialized"}]`,
		`{"jsonrpc":"2.0","id":"a","method":"tools/list","params":{"cursor":""}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"order","arguments":{},"inputResponses":{},"requestState":"","_meta":{"progressToken":1,"io.modelcontextprotocol/logLevel":"info","io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"roots":{},"sampling":{},"elicitation":{}}}}}`,
		`{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"note://a/%ff"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"review"},"argument":{"name":"language","value":"x"},"context":{"arguments":{"code":"y"}}}}`,
		`{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"review","arguments":{"code":"y"}}}`,
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`,
		`{"jsonrpc":"2.0","id":1,"result":{}}`, `[[[[`, `{"id":1e999}`, "\"\\", `{"jsonrpc":"2.0","id":1,"method":"no/such\u0000"}`,
	} {
		for _, version := range []string{"", "2025-11-25", "2026-07-28", "x"} {
			f.Add([]byte(body), version, "tools/call", "echo", uint8(0))
		}
	}
	s, _ := newWorkshop(f, slog.New(panicHandler{f}))
	f.Fuzz(func(t *testing.T, body []byte, version, method, name string, shape uint8) {
		r := mcp.Request{
			Body:            body,
			ProtocolVersion: mcp.Header{Value: version, Count: min(len(version), int(shape&3))},
			Method:          mcp.Header{Value: method, Count: int(shape >> 2 & 1)},
			Name:            mcp.Header{Value: name, Count: int(shape >> 3 & 1)},
			Params:          map[string]mcp.Header{"region": {Value: name, Count: int(shape >> 3 & 1)}},
			Transport:       mcp.Transport(shape >> 4 & 1),
		}
		if shape>>5&1 == 1 {
			r.Peer = &dialogue{answers: slices.Repeat([]string{`"result":{}`}, 100)}
			r.Session = &mcp.Session{Version: mcp.Version20251125, Capabilities: 15}
		}
		reply := s.Handle(t.Context(), r)
		switch reply.Outcome {
		case mcp.Accepted, mcp.Cancelled, mcp.Listening:
			if len(reply.Body) != 0 || (reply.Listen != nil) != (reply.Outcome == mcp.Listening) {
				t.Fatalf("outcome %d with %+v", reply.Outcome, reply)
			}
			return
		}
		if !jsontext.Value(reply.Body).IsValid() || strings.ContainsAny(string(reply.Body), "\r\n") {
			t.Fatalf("not JSON on one line: %q", reply.Body)
		}
		if reply.Body[0] != '[' {
			read(t, reply.Body)
		}
	})
}
