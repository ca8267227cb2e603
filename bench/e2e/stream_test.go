package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

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
			return fmt.Errorf("status %d", status)
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
	if status := a.postTo(t, server.url()+s.endpoint, `{"jsonrpc":"2.0","id":1,"method":"ping"}`); status != http.StatusUnauthorized {
		t.Errorf("a message with the expired token answers %d", status)
	}
	a.refresh(t)
	if status, _ := a.openStream(t); status != http.StatusOK {
		t.Errorf("a stream with the fresh token answers %d", status)
	}
}
