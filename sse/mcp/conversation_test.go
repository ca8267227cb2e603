package mcp_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"mcp-oauth-server/sse/mcp"
	"mcp-oauth-server/tools"
	"mcp-oauth-server/tools/echo"
	"mcp-oauth-server/tools/stockprice"
	"mcp-oauth-server/tools/sum"
)

var update = flag.Bool("update", false, "rewrite the answers in testdata")

// newServer returns a server with the product's three tools, at a fixed time and
// without chance, and one that misbehaves as its argument says.
func newServer(t testing.TB, log *slog.Logger) *mcp.Server {
	t.Helper()
	now := func() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }
	registry, err := tools.NewRegistry(echo.Tool(), sum.Tool(), stockprice.Tool(now, func() float64 { return 0.5 }), badTool())
	if err != nil {
		t.Fatal(err)
	}
	return &mcp.Server{
		Name: "test", Title: "Test server", Version: "1.2.3", Instructions: "Try echo.", Tools: registry, Log: log,
	}
}

func badTool() tools.Tool {
	type input struct {
		How string `json:"how"`
	}
	type output struct {
		Data string `json:"data"`
	}
	return tools.New(tools.Spec{Name: "bad", Title: "Bad", Description: "Misbehaves."},
		func(c *tools.Context, in input) (output, error) {
			switch in.How {
			case "panic":
				panic("the detail with /secret/path")
			case "huge":
				return output{strings.Repeat("x", 5<<20)}, nil
			case "half":
				return output{strings.Repeat("x", 2<<20-100)}, nil // a result holds it as data and as text
			case "internal":
				return output{}, fmt.Errorf("the detail with /secret/path: %w", tools.ErrInternal)
			case "wait":
				<-c.Done()
				return output{}, c.Err()
			}
			return output{}, errors.New("this went wrong, try otherwise")
		})
}

// TestConversations plays the files of testdata. In a file, lines that begin
// with ">" are one request: headers, then the body; lines that begin with "<"
// are the answer: the outcome, then the body. "> Session: kept" sends back what
// the last initialize left. Everything else is comment. Run with -update to
// write the answers anew, and read the difference.
func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no conversations in testdata", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			server := newServer(t, slog.New(slog.DiscardHandler))
			if strings.HasPrefix(filepath.Base(file), "full-") {
				server, _ = newWorkshop(t, slog.New(slog.DiscardHandler))
			}
			got := play(t, server, string(want))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
			for i := range wantLines {
				if i >= len(gotLines) || gotLines[i] != wantLines[i] {
					t.Fatalf("line %d:\n got %s\nwant %s", i+1, strings.Join(gotLines[min(i, len(gotLines)):min(i+1, len(gotLines))], ""), wantLines[i])
				}
			}
			if len(gotLines) != len(wantLines) {
				t.Fatal("more answers than the file has: run with -update and read the difference")
			}
		})
	}
}

// play answers every request of a script and returns the script with our answers.
func play(t *testing.T, s *mcp.Server, script string) string {
	t.Helper()
	var out strings.Builder
	var kept *mcp.Session
	var state string
	var request []string
	answer := func() {
		if request == nil {
			return
		}
		r, conversation := parseRequest(t, request, kept)
		r.Body = bytes.ReplaceAll(r.Body, []byte("STATE"), []byte(state))
		reply := s.Handle(t.Context(), r)
		request = nil
		for _, said := range conversation.messages() {
			fmt.Fprintf(&out, "< ~ %s\n", said)
		}
		if sealed := stateIn(reply.Body); sealed != "" {
			state = sealed
			reply.Body = bytes.ReplaceAll(reply.Body, []byte(state), []byte("STATE"))
		}
		if reply.Session != nil {
			kept = reply.Session
		}
		fmt.Fprintf(&out, "< %s\n", outcomes[reply.Outcome])
		if len(reply.Body) > 0 {
			fmt.Fprintf(&out, "< %s\n", reply.Body)
		}
		if reply.Listen != nil {
			fmt.Fprintf(&out, "< first %s\n< last  %s\n", reply.Listen.First, reply.Listen.Last)
		}
		for _, answer := range reply.Answers {
			fmt.Fprintf(&out, "< answer to %s: %s\n", answer.ID, answer.Body)
		}
		if len(reply.Cancels) > 0 {
			fmt.Fprintf(&out, "< cancel %s\n", strings.Join(reply.Cancels, " "))
		}
	}
	for line := range strings.Lines(strings.TrimRight(script, "\n")) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "<") {
			continue
		}
		if after, ok := strings.CutPrefix(line, "> "); ok {
			request = append(request, after)
		} else {
			answer()
		}
		out.WriteString(line + "\n")
	}
	answer()
	return out.String()
}

var outcomes = map[mcp.Outcome]string{
	mcp.OK: "200", mcp.Accepted: "202", mcp.BadRequest: "400", mcp.NotFound: "404",
	mcp.Cancelled: "cancelled", mcp.Listening: "200, listening",
}

func stateIn(body []byte) string {
	var m struct {
		Result struct {
			State string `json:"requestState"`
		} `json:"result"`
	}
	if json.Unmarshal(body, &m) != nil {
		return ""
	}
	return m.Result.State
}

func parseRequest(t *testing.T, lines []string, kept *mcp.Session) (mcp.Request, *dialogue) {
	t.Helper()
	d := &dialogue{}
	r := mcp.Request{Caller: tools.Caller{Subject: "alice"}, Peer: d}
	for i, line := range lines {
		if strings.HasPrefix(line, "{") || strings.HasPrefix(line, "[") {
			r.Body = []byte(strings.Join(lines[i:], "\n"))
			return r, d
		}
		name, value, _ := strings.Cut(line, ":")
		switch name {
		case "MCP-Protocol-Version":
			r.ProtocolVersion = add(r.ProtocolVersion, value)
		case "Mcp-Method":
			r.Method = add(r.Method, value)
		case "Mcp-Name":
			r.Name = add(r.Name, value)
		case "Session":
			if r.Session = kept; kept == nil {
				t.Fatal("no initialize came before")
			}
		case "Transport":
			r.Transport = mcp.LegacySSE
		case "Answers":
			d.answers = append(d.answers, strings.TrimSpace(value))
		default:
			r.Body = []byte(strings.Join(lines[i:], "\n"))
			return r, d
		}
	}
	return r, d
}

func add(h mcp.Header, value string) mcp.Header {
	return mcp.Header{Value: value, Count: h.Count + 1}
}

// TestBrokenTool: the client learns nothing but a reference, the log
// everything, and the next call is answered.
func TestBrokenTool(t *testing.T) {
	var log bytes.Buffer
	s := newServer(t, slog.New(slog.NewJSONHandler(&log, nil)))
	call := func(tool, arguments string) string {
		body := `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"` + tool + `","arguments":` + arguments + `}}`
		return string(s.Handle(t.Context(), mcp.Request{ID: tools.RequestID{Process: "req", Number: 1}, Body: []byte(body)}).Body)
	}
	for _, how := range []string{"panic", "huge", "internal"} {
		log.Reset()
		got := call("bad", `{"how":"`+how+`"}`)
		want := `{"jsonrpc":"2.0","id":7,"error":{"code":-32603,"message":"internal error; the server's log has the details of request req-1"}}`
		if got != want {
			t.Errorf("%s: got %s", how, got)
		}
		if !strings.Contains(log.String(), `"request_id":"req-1"`) {
			t.Errorf("%s: the log lacks the request id: %s", how, log.String())
		}
	}
	if got := call("echo", `{"message":"alive"}`); !strings.Contains(got, "Echo: alive") {
		t.Errorf("after the panics: got %s", got)
	}
}
