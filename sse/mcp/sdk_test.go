package mcp_test

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"mcp-oauth-server/sse/mcp"
)

// wire connects the official SDK's client to a Server without HTTP: each message
// is handled as one POST.
type wire struct {
	server    *mcp.Server
	transport mcp.Transport
	replies   chan jsonrpc.Message
	closed    chan struct{}
	closeOnce sync.Once

	mu      sync.Mutex
	session *mcp.Session
}

func (w *wire) Connect(context.Context) (sdk.Connection, error) { return w, nil }
func (w *wire) SessionID() string                               { return "" }
func (w *wire) Close() error                                    { w.closeOnce.Do(func() { close(w.closed) }); return nil }

func (w *wire) Read(ctx context.Context) (jsonrpc.Message, error) {
	select {
	case m := <-w.replies:
		return m, nil
	case <-w.closed:
		return nil, io.EOF
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (w *wire) Write(ctx context.Context, m jsonrpc.Message) error {
	body, err := jsonrpc.EncodeMessage(m)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	reply := w.server.Handle(ctx, w.mirror(body))
	if reply.Session != nil {
		w.session = reply.Session
	}
	if reply.Outcome == mcp.Accepted {
		return nil
	}
	answer, err := jsonrpc.DecodeMessage(reply.Body)
	if err != nil {
		return err
	}
	w.replies <- answer
	return nil
}

// mirror sets the headers that a client of 2026-07-28 sends beside its body.
func (w *wire) mirror(body []byte) mcp.Request {
	r := mcp.Request{Body: body, Session: w.session, Transport: w.transport}
	var m struct {
		Method string `json:"method"`
		Params struct {
			Name string `json:"name"`
			Meta struct {
				Version string `json:"io.modelcontextprotocol/protocolVersion"`
			} `json:"_meta"`
		} `json:"params"`
	}
	if json.Unmarshal(body, &m) == nil && m.Params.Meta.Version != "" {
		r.ProtocolVersion = mcp.Header{Value: m.Params.Meta.Version, Count: 1}
		r.Method = mcp.Header{Value: m.Method, Count: 1}
		r.Name = mcp.Header{Value: m.Params.Name, Count: min(1, len(m.Params.Name))}
	}
	return r
}

// TestOfficialClient: the Go SDK's client finds the newest revision the
// transport has, lists the tools and accepts their answers against the schemas.
func TestOfficialClient(t *testing.T) {
	tests := []struct {
		name      string
		transport mcp.Transport
		version   string
	}{
		{"streamable", mcp.Streamable, mcp.Version20260728},
		{"HTTP+SSE", mcp.LegacySSE, mcp.Version20251125},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &wire{
				server: newServer(t, slog.New(slog.DiscardHandler)), transport: tt.transport,
				replies: make(chan jsonrpc.Message, 16), closed: make(chan struct{}),
			}
			client := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil)
			session, err := client.Connect(t.Context(), w, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer session.Close()
			if got := session.InitializeResult().ProtocolVersion; got != tt.version {
				t.Errorf("agreed on %s, want %s", got, tt.version)
			}
			list, err := session.ListTools(t.Context(), nil)
			if err != nil || len(list.Tools) != 4 || list.Tools[0].Name != "echo" {
				t.Fatalf("got %+v, %v", list, err)
			}
			for name, arguments := range map[string]any{
				"echo":        map[string]any{"message": "hello"},
				"sum":         map[string]any{"a": 1, "b": 2},
				"stock_price": map[string]any{"symbol": "amd"},
			} {
				got, err := session.CallTool(t.Context(), &sdk.CallToolParams{Name: name, Arguments: arguments})
				if err != nil || got.IsError || got.StructuredContent == nil || len(got.Content) != 1 {
					t.Errorf("%s: got %+v, %v", name, got, err)
				}
			}
			got, err := session.CallTool(t.Context(), &sdk.CallToolParams{Name: "sum"})
			if err != nil || !got.IsError {
				t.Errorf("sum without arguments: got %+v, %v", got, err)
			}
			if _, err := session.CallTool(t.Context(), &sdk.CallToolParams{Name: "nope"}); err == nil {
				t.Error("a tool that is not there was called")
			}
		})
	}
}
