package mcp_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-oauth-server/sse/mcp"
	"mcp-oauth-server/tools"
	"mcp-oauth-server/tools/echo"
)

// newWorkshop returns a server that offers everything there is, and a list of
// the changes it announced.
func newWorkshop(t testing.TB, log *slog.Logger) (*mcp.Server, *announced) {
	t.Helper()
	registry, err := tools.NewRegistry(workshopItems()...)
	if err != nil {
		t.Fatal(err)
	}
	changes := &announced{}
	return &mcp.Server{
		Name: "test", Title: "Test server", Version: "1.2.3", Tools: registry, Log: log,
		SealState: sealState, OpenState: openState, Announce: changes.add,
	}, changes
}

type announced struct {
	mu   sync.Mutex
	list []tools.Change
}

func (a *announced) add(c tools.Change) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list = append(a.list, c)
}

func workshopItems() []tools.Item {
	type none struct{}
	spec := func(name string) tools.Spec { return tools.Spec{Name: name, Title: "T " + name, Description: "D."} }
	type routed struct {
		Region string `json:"region,omitzero" header:"Region"`
		Level  int    `json:"level,omitzero" header:"Level"`
		Dry    bool   `json:"dry,omitzero" header:"Dry-Run"`
	}
	talking := spec("talk")
	talking.Logs, talking.Announces = true, tools.ToolsChanged|tools.ResourceUpdated
	private := spec("private")
	private.Allow = func(c tools.Caller) bool { return c.Subject == "bob" }
	return []tools.Item{
		echo.Tool(),
		tools.New(talking, func(c *tools.Context, _ none) (tools.Contents, error) {
			c.Log(tools.Debug, "small")
			c.Progress(1, 2, "half\r\n\ndata: forged")
			c.Progress(1, 2, "the same")
			c.Progress(0, 2, "back")
			c.Log(tools.Warning, map[string]any{"free": 3, "text": "a\nevent: forged\n\n"})
			c.Progress(2, 2, "done")
			c.Announce(tools.Change{Kind: tools.ResourceUpdated, URI: "note:///readme"})
			c.Announce(tools.Change{Kind: tools.PromptsChanged}) // not in its Spec
			return tools.Contents{tools.Text{Text: "talked " + c.Trace.Parent}}, nil
		}),
		tools.New(spec("delete"), deleteFiles),
		tools.New(spec("order"), orderPizza),
		tools.New(spec("media"), func(*tools.Context, none) (tools.Contents, error) {
			return tools.Contents{
				tools.Text{Text: "t\xff"}, tools.Image{Data: []byte("i"), MIMEType: "image/png"},
				tools.Audio{Data: []byte("a"), MIMEType: "audio/wav"},
				tools.Embedded{Resource: tools.ResourceContent{URI: "note:///e", MIMEType: "text/plain", Text: "e"}},
				tools.Embedded{Resource: tools.ResourceContent{URI: "note:///b", Data: []byte{0}}},
				tools.Link{URI: "note:///readme", Name: "readme", Title: "Read me"},
			}, nil
		}),
		tools.New(spec("route"), func(_ *tools.Context, in routed) (tools.Contents, error) {
			return tools.Contents{tools.Text{Text: "routed " + in.Region}}, nil
		}),
		tools.New(private, func(*tools.Context, none) (tools.Contents, error) {
			return tools.Contents{tools.Text{Text: "for bob"}}, nil
		}),
		tools.NewResource(tools.ResourceSpec{URI: "note:///readme", Name: "readme", Title: "Read me", MIMEType: "text/plain"},
			func(*tools.Context, none) ([]tools.ResourceContent, error) {
				return []tools.ResourceContent{{Text: "hello"}}, nil
			}),
		tools.NewResource(tools.ResourceSpec{URI: "note:///diary", Name: "diary", Title: "Diary", Allow: private.Allow},
			func(*tools.Context, none) ([]tools.ResourceContent, error) {
				return []tools.ResourceContent{{Text: "dear diary"}}, nil
			}),
		tools.NewResource(tools.ResourceSpec{URI: "note://{owner}/{id}", Name: "note", Title: "Note", Description: "A note."}, readNote).
			Completing("owner", func(c *tools.Context, typed tools.Completion) ([]string, error) {
				return []string{typed.Value + "lice"}, nil
			}),
		tools.NewPrompt(tools.PromptSpec{Name: "review", Title: "Review", Description: "Reviews code."}, review).
			Completing("language", func(_ *tools.Context, typed tools.Completion) ([]string, error) {
				var many []string
				for i := range 120 {
					many = append(many, fmt.Sprintf("%s%d%s", typed.Value, i, typed.Others["code"]))
				}
				return many, nil
			}),
	}
}

// deleteFiles asks before it does what cannot be undone. The number of files may
// change between two rounds.
func deleteFiles(c *tools.Context, in struct {
	Files int `json:"files"`
}) (tools.Contents, error) {
	sure := tools.Form{
		Key:     "sure",
		Message: fmt.Sprintf("Delete %d files?", files.count(in.Files)),
		Schema:  jsontext.Value(`{"type":"object","properties":{"yes":{"type":"boolean"}},"required":["yes"]}`),
	}
	if err := c.Ask(&sure); err != nil {
		return nil, err
	}
	return tools.Contents{tools.Text{Text: fmt.Sprintf("%s %s", sure.Action, sure.Content)}}, nil
}

// files is a disk whose content a test changes while nobody looks.
var files disk

type disk struct {
	mu    sync.Mutex
	extra int
}

func (d *disk) count(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return n + d.extra
}

func (d *disk) grow(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.extra += n
}

// orderPizza asks for everything, in three rounds.
func orderPizza(c *tools.Context, _ struct{}) (tools.Contents, error) {
	kind := tools.Form{Message: "Which?", Schema: jsontext.Value(`{"type":"object","properties":{"kind":{"type":"string"}}}`)}
	roots := tools.Roots{}
	if err := c.Ask(&kind, &roots); err != nil {
		return nil, err
	}
	advice := tools.Sampling{MaxTokens: 10, System: "Be brief.", Messages: []tools.Message{{Role: tools.User, Content: tools.Text{Text: "Is " + string(kind.Content) + " good?"}}}}
	if err := c.Ask(&advice); err != nil {
		return nil, err
	}
	pay := tools.Visit{Message: "Pay", URL: "https://pay.example/1"}
	if err := c.Ask(&pay); err != nil {
		return nil, err
	}
	return append(advice.Answer, tools.Text{Text: fmt.Sprintf("%d %s %s", len(roots.Roots), pay.Action, advice.Model)}), nil
}

func readNote(c *tools.Context, in struct {
	Owner string `json:"owner"`
	ID    string `json:"id"`
}) ([]tools.ResourceContent, error) {
	switch in.ID {
	case "missing":
		return nil, tools.ErrNotFound
	case "broken":
		return nil, errors.New("the disk is full\xff")
	case "locked":
		return nil, fmt.Errorf("SECRET: %w", tools.ErrInternal)
	case "asking":
		q := tools.Roots{Key: "r"}
		if err := c.Ask(&q); err != nil {
			return nil, err
		}
	}
	return []tools.ResourceContent{{Text: in.Owner + "'s " + in.ID}}, nil
}

func review(c *tools.Context, in struct {
	Code     string `json:"code" jsonschema:"the code"`
	Language string `json:"language,omitempty"`
}) ([]tools.Message, error) {
	if in.Code == "?" {
		return nil, errors.New("there is no code")
	}
	return []tools.Message{
		{Role: tools.User, Content: tools.Text{Text: in.Language + ":" + in.Code}},
		{Role: tools.Assistant, Content: tools.Audio{Data: []byte("hm"), MIMEType: "audio/wav"}},
	}, nil
}

// The vault of the tests: signed, with a clock that a test can turn.
var vaultKey = []byte("a key of the tests")

func sealState(s mcp.State) (string, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, vaultKey)
	mac.Write(text)
	return base64.RawURLEncoding.EncodeToString(append(mac.Sum(nil), text...)), nil
}

func openState(sealed string) (s mcp.State, err error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil || len(raw) < sha256.Size {
		return s, errors.New("not a state")
	}
	mac := hmac.New(sha256.New, vaultKey)
	mac.Write(raw[sha256.Size:])
	if !hmac.Equal(mac.Sum(nil), raw[:sha256.Size]) {
		return s, errors.New("a forged state")
	}
	return s, json.Unmarshal(raw[sha256.Size:], &s)
}

// dialogue is a Peer in this process, and the Conversation with it. What it is asked it
// answers with answers, in order, each the result or the error of a response.
type dialogue struct {
	answers []string
	hold    time.Duration // how long a person thinks
	closed  bool          // Handle has returned

	mu     sync.Mutex
	said   []string
	asked  int
	begun  []string
	cancel context.CancelFunc
}

func (d *dialogue) Notify(message []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		d.said = append(d.said, "AFTER THE END: "+string(message))
		return nil
	}
	d.said = append(d.said, string(message))
	return nil
}

func (d *dialogue) NewID() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	return fmt.Sprintf("ask-%d", d.asked)
}

func (d *dialogue) Ask(ctx context.Context, id string, message []byte) ([]byte, error) {
	d.mu.Lock()
	d.said = append(d.said, string(message))
	var answer string
	if len(d.answers) > 0 {
		answer, d.answers = d.answers[0], d.answers[1:]
	}
	d.mu.Unlock()
	if answer == "" { // nobody is there
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if d.hold > 0 {
		select {
		case <-time.After(d.hold):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if strings.HasPrefix(answer, "raw:") {
		return []byte(strings.TrimPrefix(answer, "raw:")), nil
	}
	return []byte(`{"jsonrpc":"2.0","id":"` + id + `",` + answer + `}`), nil
}

func (d *dialogue) Begin(ctx context.Context, requestID string) (context.Context, mcp.Conversation, func()) {
	ctx, cancel := context.WithCancel(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.begun, d.cancel = append(d.begun, requestID), cancel
	return ctx, d, cancel
}

func (d *dialogue) messages() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.said...)
}
