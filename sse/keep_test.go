package sse_test

import (
	"fmt"
	"strings"
	"testing"

	"mcp-oauth-server/tools"
)

type kept struct {
	Marker string `json:"marker"`
}

// What a call was given is its own as long as it runs, although the HTTP server
// has used the buffers it came in for a thousand other requests meanwhile.
func TestNothingIsReadFromUsedBuffers(t *testing.T) {
	const users = 20
	release := make(chan struct{})
	r := newReplica(t, newSite(t), offering(t,
		tools.New(tools.Spec{Name: "keep", Title: "Keep", Description: "Says later what it was told."}, func(c *tools.Context, in kept) (text, error) {
			<-release
			return text{c.Caller.Subject + "/" + in.Marker + "/" + c.Trace.Parent}, nil
		}),
		tools.New(tools.Spec{Name: "echo", Title: "Echo", Description: "Says what it was told."}, func(_ *tools.Context, in kept) (text, error) {
			return text{in.Marker}, nil
		})))
	message := func(u int) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":"id-%d","method":"tools/call","params":{"name":"keep","arguments":{"marker":"marker-%d"},"_meta":{"traceparent":"00-%032d-%016d-01"}}}`, u, u, u+1, u+1)
	}
	streams := make([]*client, users)
	for u := range streams {
		token := r.token(t, fmt.Sprintf("user-%d", u))
		streams[u] = r.open(t, fmt.Sprintf("/sse?session=session-%d", u), token)
		if a := r.post(t, streams[u].endpoint, token, message(u)); a.status != 202 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	noise := r.token(t, "noise")
	inFours(1000, func(i int) {
		marker := strings.Repeat(string(rune('A'+i%26)), 50+i%1000)
		a := r.post(t, "/sse?session="+marker[:40], noise, call(marker[:20], "echo", `{"marker":"`+marker+`"}`), "Traceparent", marker)
		if a.status != 200 || !strings.Contains(a.body, marker) {
			t.Errorf("%d %.100s", a.status, a.body)
		}
	})
	close(release)
	for u, s := range streams {
		want := fmt.Sprintf("user-%d/marker-%d/00-%032d-%016d-01", u, u, u+1, u+1)
		if m := s.message(t); !strings.Contains(m, want) || !strings.Contains(m, fmt.Sprintf(`"id":"id-%d"`, u)) {
			t.Errorf("user-%d: %.300s", u, m)
		}
		if !strings.HasPrefix(s.endpoint, fmt.Sprintf("/sse/message?session=session-%d&", u)) {
			t.Errorf("user-%d: endpoint %s", u, s.endpoint)
		}
	}
}
