package e2e

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// stream is an open legacy stream.
type stream struct {
	response *http.Response
	endpoint string        // from the first event
	events   logBuffer     // what came after it
	closed   chan struct{} // closed when the server has ended the stream
}

// openStream opens a legacy stream; s is nil unless the status is 200.
func (a *app) openStream(t *testing.T) (status int, s *stream) {
	t.Helper()
	return a.tryStream(t, &http.Transport{DisableKeepAlives: true})
}

// openStreamVia opens a legacy stream through a given transport, and must get one.
func (a *app) openStreamVia(t *testing.T, transport *http.Transport) *stream {
	t.Helper()
	status, s := a.tryStream(t, transport)
	if s == nil {
		t.Fatalf("GET /sse answers %d", status)
	}
	return s
}

func (a *app) tryStream(t *testing.T, transport *http.Transport) (status int, s *stream) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.resource, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "text/event-stream")
	request.Header.Set("Authorization", "Bearer "+a.tokens.AccessToken)
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return response.StatusCode, nil
	}
	s = &stream{response: response, closed: make(chan struct{})}
	body := bufio.NewReader(response.Body)
	s.endpoint = readEndpoint(t, body)
	go func() {
		defer close(s.closed)
		_, _ = io.Copy(&s.events, body)
	}()
	return response.StatusCode, s
}

func readEndpoint(t *testing.T, body *bufio.Reader) string {
	t.Helper()
	for event := ""; ; {
		line, err := body.ReadString('\n')
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

// postTo posts a message to a stream's endpoint with the access token.
func (a *app) postTo(t *testing.T, target, message string) (status int) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+a.tokens.AccessToken)
	response, err := a.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

// waitFor waits until the stream has carried a text.
func (s *stream) waitFor(t *testing.T, text string) {
	t.Helper()
	eventually(t, 10*time.Second, "the stream carries "+text, func() error {
		if !strings.Contains(s.events.String(), text) {
			return errors.New("it carried: " + s.events.String())
		}
		return nil
	})
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
