package mcp_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"mcp-oauth-server/sse/mcp"
	"mcp-oauth-server/tools"
)

// wire connects the official SDK's client to a Server without HTTP: each message
// is handled as one POST.
type wire struct {
	server    *mcp.Server
	transport mcp.Transport
	replies   chan jsonrpc.Message
	closed    chan struct{}
	closeOnce sync.Once

	asks      bool // the wire is a Peer
	mu        sync.Mutex
	session   *mcp.Session
	questions map[string]chan []byte
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

// Write handles a message as the transport would: in a goroutine of its own, for
// the answer to a question comes while the request is still served.
func (w *wire) Write(ctx context.Context, m jsonrpc.Message) error {
	body, err := jsonrpc.EncodeMessage(m)
	if err != nil {
		return err
	}
	w.mu.Lock()
	r := w.mirror(body)
	w.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.handle(context.WithoutCancel(ctx), r)
	}()
	if _, isRequest := m.(*jsonrpc.Request); isRequest && w.asks {
		return nil
	}
	<-done
	return nil
}

func (w *wire) handle(ctx context.Context, r mcp.Request) {
	r.Caller = tools.Caller{Subject: "alice", ClientID: "app"}
	if w.asks {
		r.Peer = w
	}
	reply := w.server.Handle(ctx, r)
	w.mu.Lock()
	if reply.Session != nil {
		w.session = reply.Session
	}
	for _, answer := range reply.Answers {
		if waits := w.questions[answer.ID]; waits != nil {
			waits <- answer.Body
		}
	}
	w.mu.Unlock()
	if reply.Listen != nil {
		w.push(reply.Listen.First)
	}
	if len(reply.Body) > 0 {
		w.push(reply.Body)
	}
}

func (w *wire) push(body []byte) {
	if m, err := jsonrpc.DecodeMessage(body); err == nil {
		w.replies <- m
	}
}

// Begin is the Peer; Notify, NewID and Ask are the Conversation.

func (w *wire) Notify(message []byte) error { w.push(message); return nil }

func (w *wire) NewID() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.questions == nil {
		w.questions = make(map[string]chan []byte)
	}
	id := fmt.Sprintf("q%d", len(w.questions))
	w.questions[id] = make(chan []byte, 1)
	return id
}

func (w *wire) Ask(ctx context.Context, id string, message []byte) ([]byte, error) {
	w.mu.Lock()
	waits := w.questions[id]
	w.mu.Unlock()
	w.push(message)
	select {
	case answer := <-waits:
		return answer, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (w *wire) Begin(ctx context.Context, _ string) (context.Context, mcp.Conversation, func()) {
	return ctx, w, func() {}
}

// mirror sets the headers that a client of 2026-07-28 sends beside its body.
func (w *wire) mirror(body []byte) mcp.Request {
	r := mcp.Request{Body: body, Session: w.session, Transport: w.transport}
	var m struct {
		Method string `json:"method"`
		Params struct {
			Name string `json:"name"`
			URI  string `json:"uri"`
			Meta struct {
				Version string `json:"io.modelcontextprotocol/protocolVersion"`
			} `json:"_meta"`
		} `json:"params"`
	}
	if json.Unmarshal(body, &m) == nil && m.Params.Meta.Version != "" {
		r.ProtocolVersion = mcp.Header{Value: m.Params.Meta.Version, Count: 1}
		r.Method = mcp.Header{Value: m.Method, Count: 1}
		name := m.Params.Name + m.Params.URI
		r.Name = mcp.Header{Value: name, Count: min(1, len(name))}
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

// TestOfficialClientTalks: the Go SDK's client answers the questions of a tool in
// both eras, hears its progress, and reads resources and prompts.
func TestOfficialClientTalks(t *testing.T) {
	for _, transport := range []mcp.Transport{mcp.Streamable, mcp.LegacySSE} {
		t.Run(fmt.Sprint(transport), func(t *testing.T) {
			server, _ := newWorkshop(t, slog.New(slog.DiscardHandler))
			w := &wire{server: server, transport: transport, asks: true, replies: make(chan jsonrpc.Message, 64), closed: make(chan struct{})}
			heard := make(chan float64, 8)
			client := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, &sdk.ClientOptions{
				ElicitationHandler: func(_ context.Context, r *sdk.ElicitRequest) (*sdk.ElicitResult, error) {
					if r.Params.Mode == "url" {
						return &sdk.ElicitResult{Action: "decline"}, nil
					}
					return &sdk.ElicitResult{Action: "accept", Content: map[string]any{"kind": "ham"}}, nil
				},
				CreateMessageHandler: func(context.Context, *sdk.CreateMessageRequest) (*sdk.CreateMessageResult, error) {
					return &sdk.CreateMessageResult{Model: "m", Role: "assistant", Content: &sdk.TextContent{Text: "Yes"}}, nil
				},
				ProgressNotificationHandler: func(_ context.Context, r *sdk.ProgressNotificationClientRequest) {
					heard <- r.Params.Progress
				},
				Capabilities: &sdk.ClientCapabilities{
					RootsV2:     &sdk.RootCapabilities{},
					Sampling:    &sdk.SamplingCapabilities{},
					Elicitation: &sdk.ElicitationCapabilities{Form: &sdk.FormElicitationCapabilities{}, URL: &sdk.URLElicitationCapabilities{}},
				},
			})
			client.AddRoots(&sdk.Root{URI: "file:///a"})
			session, err := client.Connect(t.Context(), w, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer session.Close()
			got, err := session.CallTool(t.Context(), &sdk.CallToolParams{Name: "order"})
			if err != nil || got.IsError || len(got.Content) != 2 || got.Content[1].(*sdk.TextContent).Text != "1 decline m" {
				t.Errorf("order: got %+v, %v", got, err)
			}
			params := &sdk.CallToolParams{Name: "talk"}
			params.SetProgressToken("p")
			if _, err := session.CallTool(t.Context(), params); err != nil {
				t.Error(err)
			}
			if first, last := <-heard, <-heard; first != 1 || last != 2 {
				t.Errorf("progress %v, %v", first, last)
			}
			read, err := session.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: "note://alice/1"})
			if err != nil || len(read.Contents) != 1 || read.Contents[0].Text != "alice's 1" {
				t.Errorf("read: got %+v, %v", read, err)
			}
			prompt, err := session.GetPrompt(t.Context(), &sdk.GetPromptParams{Name: "review", Arguments: map[string]string{"code": "x"}})
			if err != nil || len(prompt.Messages) != 2 {
				t.Errorf("prompt: got %+v, %v", prompt, err)
			}
			suggested, err := session.Complete(t.Context(), &sdk.CompleteParams{
				Ref:      &sdk.CompleteReference{Type: "ref/prompt", Name: "review"},
				Argument: sdk.CompleteParamsArgument{Name: "language", Value: "g"},
			})
			if err != nil || len(suggested.Completion.Values) != 100 || !suggested.Completion.HasMore {
				t.Errorf("complete: got %+v, %v", suggested, err)
			}
		})
	}
}
