package sse_test

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
)

// bearing adds a token to every request.
type bearing string

func (b bearing) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

// The official client judges both transports.
func TestOfficialClient(t *testing.T) {
	r := newReplica(t, newSite(t))
	client := &http.Client{Transport: bearing(r.token(t, "alice"))}
	t.Cleanup(client.CloseIdleConnections)
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	url := "http://" + r.addr + "/sse"
	for name, transport := range map[string]sdk.Transport{
		"sse":        &sdk.SSEClientTransport{Endpoint: url, HTTPClient: client},
		"streamable": &sdk.StreamableClientTransport{Endpoint: url, HTTPClient: client},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
			defer cancel()
			session, err := sdk.NewClient(&sdk.Implementation{Name: "official", Version: "1"}, nil).Connect(ctx, transport, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer session.Close()
			list, err := session.ListTools(ctx, nil)
			if err != nil || len(list.Tools) != 9 {
				t.Fatalf("%v %v", list, err)
			}
			result, err := session.CallTool(ctx, &sdk.CallToolParams{Name: "whoami", Arguments: map[string]any{"marker": "sdk"}})
			if err != nil || result.IsError || result.StructuredContent.(map[string]any)["text"] != "alice/sdk" {
				t.Fatalf("%+v %v", result, err)
			}
			if name == "sse" { // ping is gone from the newest revision
				if err := session.Ping(ctx, nil); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	eventually(t, "the stream is closed with its session", func() bool {
		r.clock.advance(15 * time.Second)
		return r.OpenStreams() == 0
	})
}

// The official client hears of progress and of changes, and is asked, over both
// transports: on a stream of 2024-11-05, and by results that require input.
func TestOfficialClientIsToldAndAsked(t *testing.T) {
	r := newReplica(t, newSite(t))
	client := &http.Client{Transport: bearing(r.token(t, "alice"))}
	t.Cleanup(client.CloseIdleConnections)
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	url := "http://" + r.addr + "/sse"
	for name, transport := range map[string]sdk.Transport{
		"sse":        &sdk.SSEClientTransport{Endpoint: url, HTTPClient: client},
		"streamable": &sdk.StreamableClientTransport{Endpoint: url, HTTPClient: client},
	} {
		t.Run(name, func(t *testing.T) {
			var reports, changes atomic.Int64
			ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
			defer cancel()
			session, err := sdk.NewClient(&sdk.Implementation{Name: "official", Version: "1"}, &sdk.ClientOptions{
				ProgressNotificationHandler: func(context.Context, *sdk.ProgressNotificationClientRequest) { reports.Add(1) },
				ToolListChangedHandler:      func(context.Context, *sdk.ToolListChangedRequest) { changes.Add(1) },
				ElicitationHandler: func(_ context.Context, q *sdk.ElicitRequest) (*sdk.ElicitResult, error) {
					return &sdk.ElicitResult{Action: "accept", Content: map[string]any{"name": q.Params.Message + " Me."}}, nil
				},
			}).Connect(ctx, transport, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer session.Close()
			for tool, arguments := range map[string]map[string]any{"steps": {"count": 5}, "ask": {}, "announce": {}} {
				params := &sdk.CallToolParams{Name: tool, Arguments: arguments}
				params.SetProgressToken("token")
				result, err := session.CallTool(ctx, params)
				if err != nil || result.IsError {
					t.Fatalf("%s: %+v %v", tool, result, err)
				}
				if answer := fmt.Sprint(result.StructuredContent); tool == "ask" && answer != `map[text:accept {"name":"Who? Me."}]` {
					t.Errorf("asked: %s", answer)
				}
			}
			eventually(t, "five reports and a change have come", func() bool { return reports.Load() == 5 && changes.Load() >= 1 })
		})
	}
}
