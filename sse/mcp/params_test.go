package mcp_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"mcp-oauth-server/sse/mcp"
	"mcp-oauth-server/tools"
)

// TestMirroredParams: Mcp-Param-* and the arguments say the same, or nothing runs.
func TestMirroredParams(t *testing.T) {
	one := func(value string) mcp.Header { return mcp.Header{Value: value, Count: 1} }
	tests := []struct {
		name, arguments string
		params          map[string]mcp.Header
		ok              bool
	}{
		{"nothing", `{}`, nil, true},
		{"both", `{"region":"eu"}`, map[string]mcp.Header{"region": one("eu")}, true},
		{"white space around", `{"region":"eu"}`, map[string]mcp.Header{"region": one(" \teu\t")}, true},
		{"white space inside", `{"region":"e u"}`, map[string]mcp.Header{"region": one("e u")}, true},
		{"missing header", `{"region":"eu"}`, nil, false},
		{"missing argument", `{}`, map[string]mcp.Header{"region": one("eu")}, false},
		{"other case", `{"region":"eu"}`, map[string]mcp.Header{"region": one("EU")}, false},
		{"other value", `{"region":"eu"}`, map[string]mcp.Header{"region": one("us")}, false},
		{"twice", `{"region":"eu"}`, map[string]mcp.Header{"region": {Value: "eu", Count: 2}}, false},
		{"empty", `{"region":""}`, map[string]mcp.Header{"region": one("")}, true},
		{"base64", `{"region":"Hello"}`, map[string]mcp.Header{"region": one("=?base64?SGVsbG8=?=")}, true},
		{"base64 of UTF-8", `{"region":"é "}`, map[string]mcp.Header{"region": one("=?base64?w6kg?=")}, true},
		{"plain UTF-8", `{"region":"é"}`, map[string]mcp.Header{"region": one("é")}, false},
		{"base64 without padding", `{"region":"Hello"}`, map[string]mcp.Header{"region": one("=?base64?SGVsbG8?=")}, false},
		{"base64 with trailing bits", `{"region":"Hello"}`, map[string]mcp.Header{"region": one("=?base64?SGVsbG9=?=")}, false},
		{"base64 with a line end", `{"region":"Hello"}`, map[string]mcp.Header{"region": one("=?base64?SGVs\nbG8=?=")}, false},
		{"base64 of bad UTF-8", `{"region":"x"}`, map[string]mcp.Header{"region": one("=?base64?/w==?=")}, false},
		{"upper case marker is plain", `{"region":"=?BASE64?SGVsbG8=?="}`, map[string]mcp.Header{"region": one("=?BASE64?SGVsbG8=?=")}, true},
		{"upper case marker is no base64", `{"region":"Hello"}`, map[string]mcp.Header{"region": one("=?BASE64?SGVsbG8=?=")}, false},
		{"half a marker is plain", `{"region":"=?base64?SGVsbG8="}`, map[string]mcp.Header{"region": one("=?base64?SGVsbG8=")}, true},
		{"marker in the argument", `{"region":"=?base64?SGVsbG8=?="}`, map[string]mcp.Header{"region": one("=?base64?SGVsbG8=?=")}, false},
		{"integer", `{"level":10}`, map[string]mcp.Header{"level": one("10")}, true},
		{"integers are numbers", `{"level":10}`, map[string]mcp.Header{"level": one("1e1")}, true},
		{"other integer", `{"level":10}`, map[string]mcp.Header{"level": one("11")}, false},
		{"hexadecimal", `{"level":16}`, map[string]mcp.Header{"level": one("0x10")}, false},
		{"words", `{"level":1}`, map[string]mcp.Header{"level": one("one")}, false},
		{"beyond JavaScript", `{"level":9007199254740993}`, map[string]mcp.Header{"level": one("9007199254740992")}, false},
		{"boolean", `{"dry":true}`, map[string]mcp.Header{"dry-run": one("true")}, true},
		{"other boolean", `{"dry":true}`, map[string]mcp.Header{"dry-run": one("True")}, false},
		{"header of nobody", `{}`, map[string]mcp.Header{"x": one("y")}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := newWorkshop(t, slog.New(slog.DiscardHandler))
			r := modern("tools/call", "route", `"name":"route","arguments":`+tt.arguments, nil)
			r.Params = tt.params
			reply := s.Handle(t.Context(), r)
			got := read(t, reply.Body)
			switch {
			case tt.ok && got.Error != nil, tt.ok && strings.Contains(string(got.Result), "isError"):
				t.Errorf("got %s", reply.Body)
			case !tt.ok && (got.Error == nil || got.Error.Code != -32020 || reply.Outcome != mcp.BadRequest):
				t.Errorf("got %s", reply.Body)
			}
		})
	}
	t.Run("null is absent", func(t *testing.T) {
		s, _ := newWorkshop(t, slog.New(slog.DiscardHandler))
		r := modern("tools/call", "route", `"name":"route","arguments":{"region":null}`, nil)
		if got := read(t, s.Handle(t.Context(), r).Body); got.Error != nil { // the schema refuses it, as a result
			t.Errorf("got %+v", got.Error)
		}
		r.Params = map[string]mcp.Header{"region": one("null")}
		if got := read(t, s.Handle(t.Context(), r).Body); got.Error == nil || got.Error.Code != -32020 {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("no older revision looks", func(t *testing.T) {
		s, _ := newWorkshop(t, slog.New(slog.DiscardHandler))
		r := old(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"route","arguments":{"region":"eu"}}}`, nil)
		if got := read(t, s.Handle(t.Context(), r).Body); got.Error != nil {
			t.Errorf("got %+v", got.Error)
		}
	})
}

// TestPages: the pages of a list together are the list, in its order, and a
// cursor is good for its list only.
func TestPages(t *testing.T) {
	s, _ := newWorkshop(t, slog.New(slog.DiscardHandler))
	type list struct {
		Tools []struct {
			Name string `json:"name"`
		} `json:"tools"`
		Next string `json:"nextCursor"`
	}
	fetch := func(method, cursor, user string) (l list, problem int) {
		r := old(fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":{"cursor":%q}}`, method, cursor), nil)
		r.Caller = tools.Caller{Subject: user}
		got := read(t, s.Handle(t.Context(), r).Body)
		if got.Error != nil {
			return l, got.Error.Code
		}
		if err := json.Unmarshal(got.Result, &l); err != nil {
			t.Fatal(err)
		}
		return l, 0
	}
	names := func(size int, user string) string {
		s.PageSize = size
		var all []string
		cursor := ""
		for range 100 {
			l, problem := fetch("tools/list", cursor, user)
			if problem != 0 || len(l.Tools) > size {
				t.Fatalf("page size %d: error %d, %d tools", size, problem, len(l.Tools))
			}
			for _, tool := range l.Tools {
				all = append(all, tool.Name)
			}
			if cursor = l.Next; cursor == "" {
				return strings.Join(all, " ")
			}
		}
		t.Fatal("the list has no end")
		return ""
	}
	for size := 1; size <= 8; size++ {
		if got := names(size, "alice"); got != "echo talk delete order media route" {
			t.Errorf("page size %d: got %s", size, got)
		}
	}
	if got := names(2, "bob"); got != "echo talk delete order media route private" {
		t.Errorf("bob: got %s", got)
	}

	s.PageSize = 2
	first, _ := fetch("tools/list", "", "alice")
	for _, tt := range []struct{ name, method, cursor, user string }{
		{"garbage", "tools/list", "x", "alice"},
		{"longer", "tools/list", first.Next + "A", "alice"},
		{"of another list", "prompts/list", first.Next, "alice"},
		{"of another user's list", "tools/list", first.Next, "bob"},
	} {
		if _, problem := fetch(tt.method, tt.cursor, tt.user); problem != -32602 {
			t.Errorf("%s: got error %d, want -32602", tt.name, problem)
		}
	}
	s.PageSize = 3
	if _, problem := fetch("tools/list", first.Next, "alice"); problem != -32602 {
		t.Errorf("a cursor between two pages: got error %d, want -32602", problem)
	}
}

// TestForOthers: what belongs to another user does not exist, in any list and
// under any method.
func TestForOthers(t *testing.T) {
	s, _ := newWorkshop(t, slog.New(slog.DiscardHandler))
	for user, want := range map[string]bool{"alice": false, "bob": true} {
		for _, r := range []mcp.Request{
			modern("tools/call", "private", `"name":"private"`, nil),
			modern("resources/read", "note:///diary", `"uri":"note:///diary"`, nil),
		} {
			r.Caller.Subject = user
			if got := read(t, s.Handle(t.Context(), r).Body); (got.Error == nil) != want {
				t.Errorf("%s: got %+v", user, got)
			}
		}
		for _, method := range []string{"tools/list", "resources/list"} {
			r := modern(method, "", `"x":1`, nil)
			r.Caller.Subject = user
			body := string(s.Handle(t.Context(), r).Body)
			if strings.Contains(body, `"T private"`) != (want && method == "tools/list") || strings.Contains(body, "diary") != (want && method == "resources/list") {
				t.Errorf("%s: got %s", user, body)
			}
		}
	}
}

// TestBatchOfEverything: a batch carries what its messages leave behind.
func TestBatchOfEverything(t *testing.T) {
	s, _ := newWorkshop(t, slog.New(slog.DiscardHandler))
	r := mcp.Request{
		Session: &mcp.Session{Version: mcp.Version20250326},
		Body: []byte(`[{"jsonrpc":"2.0","id":"a","result":{}},{"jsonrpc":"2.0","id":"b","error":{"code":1,"message":""}},` +
			`{"jsonrpc":"2.0","id":9,"method":"logging/setLevel","params":{"level":"error"}},` +
			`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}},` +
			`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"x"}}]`),
	}
	reply := s.Handle(t.Context(), r)
	if len(reply.Answers) != 2 || reply.Answers[1].ID != "b" || strings.Join(reply.Cancels, " ") != `1 "x"` ||
		reply.Session == nil || reply.Session.LogLevel != 5 || string(reply.Body) != `[{"jsonrpc":"2.0","id":9,"result":{}}]` {
		t.Errorf("got %+v, body %s", reply, reply.Body)
	}
}
