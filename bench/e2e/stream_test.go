package e2e

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// stream is an open legacy stream.
type stream struct {
	response *http.Response
	closed   chan struct{}
	endpoint string // from the first event
}

// openStream opens a legacy stream; the caller looks at the status first.
func (a *app) openStream(t *testing.T) (status int, s *stream) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.resource, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "text/event-stream")
	request.Header.Set("Authorization", "Bearer "+a.tokens.AccessToken)
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != http.StatusOK {
		return response.StatusCode, nil
	}
	s = &stream{response: response, closed: make(chan struct{})}
	s.endpoint = readEndpoint(t, response.Body)
	go func() {
		defer close(s.closed)
		_, _ = io.Copy(io.Discard, response.Body)
	}()
	return response.StatusCode, s
}

func readEndpoint(t *testing.T, body io.Reader) string {
	t.Helper()
	lines := bufio.NewReader(body)
	for event := ""; ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("the stream ends before its endpoint event: %v", err)
		}
		line = strings.TrimRight(line, "\r\n")
		if name, ok := strings.CutPrefix(line, "event:"); ok {
			event = strings.TrimSpace(name)
		}
		if data, ok := strings.CutPrefix(line, "data:"); ok && event == "endpoint" {
			return strings.TrimSpace(data)
		}
	}
}

func (s *stream) close() { s.response.Body.Close() }

// waitClosed waits until the server has ended the stream.
func (s *stream) waitClosed(t *testing.T, limit time.Duration) {
	t.Helper()
	select {
	case <-s.closed:
	case <-time.After(limit):
		t.Fatalf("the stream is still open after %v", limit)
	}
}

// A server that holds all the streams it may says so; a user who holds all of theirs is told so, and others are not.
func TestStreamCapsHold(t *testing.T) {
	t.Parallel()
	server := startDevServer(t, "MAX_STREAMS=3", "MAX_STREAMS_PER_USER=2")
	alice, bob := newApp(server.url(), "alice"), newApp(server.url(), "bob")
	alice.login(t)
	bob.login(t)
	expect := func(a *app, want int) *stream {
		t.Helper()
		status, s := a.openStream(t)
		if status != want {
			t.Fatalf("stream of %s: status %d, want %d", a.browser.user, status, want)
		}
		return s
	}
	first := expect(alice, http.StatusOK)
	expect(alice, http.StatusOK)
	expect(alice, http.StatusTooManyRequests)
	expect(bob, http.StatusOK)
	expect(bob, http.StatusServiceUnavailable)
	alice.useTools(t)

	first.close()
	eventually(t, 45*time.Second, "the place of a closed stream is free again", func() error {
		status, _ := bob.openStream(t)
		if status != http.StatusOK {
			return io.EOF
		}
		return nil
	})
}

// A stream ends with the token it was opened with.
func TestStreamEndsWithItsToken(t *testing.T) {
	t.Parallel()
	server := startDevServer(t, "ACCESS_TOKEN_TTL=3s")
	a := newApp(server.url(), "alice")
	a.login(t)
	begin := time.Now()
	_, s := a.openStream(t)
	s.waitClosed(t, 5*time.Second)
	if open := time.Since(begin); open < time.Second {
		t.Errorf("the stream was closed after %v already", open)
	}
	status, _, body := a.do(t, http.MethodPost, server.url()+s.endpoint, "application/json", `{"jsonrpc":"2.0","id":1,"method":"ping"}`)
	if status != http.StatusUnauthorized {
		t.Errorf("a message with the expired token answers %d: %s", status, body)
	}
	a.refresh(t)
	if status, _ := a.openStream(t); status != http.StatusOK {
		t.Errorf("a stream with the fresh token answers %d", status)
	}
}
