package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// drainLimit is how long a drain may take with one slow request in flight.
const drainLimit = 20 * time.Second

// SIGTERM: load balancers see it at /readyz, open streams end, the call in flight is still answered, and the exit is
// clean.
func TestSIGTERMDrains(t *testing.T) {
	t.Parallel()
	server := startDevServer(t)
	a := newApp(server.url(), "alice")
	a.login(t)
	_, s := a.openStream(t)
	call := a.beginCall(t, server)

	server.terminate(t)
	eventually(t, 5*time.Second, "/readyz turns to 503", func() error {
		status, body, err := get(server.adminURL() + "/readyz")
		if err != nil || status != http.StatusServiceUnavailable {
			return fmt.Errorf("%d %s %v", status, body, err)
		}
		return nil
	})
	s.waitClosed(t, drainLimit/2)
	if server.ended() {
		t.Fatal("the server did not wait for the call in flight")
	}
	if answer := call(t); !strings.Contains(answer, "in flight") {
		t.Errorf("the call in flight is answered with %s", answer)
	}
	if code := server.exitCode(t, drainLimit); code != 0 {
		t.Errorf("exit code %d; the server said:\n%s", code, server.output.String())
	}
}

// beginCall sends the first half of a tools/call; the function it returns sends the rest and reads the answer.
func (a *app) beginCall(t *testing.T, server *replica) func(*testing.T) string {
	t.Helper()
	body := `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"message":"in flight"}}}`
	conn, err := net.Dial("tcp", server.addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(drainLimit))
	fmt.Fprintf(conn, "POST /sse HTTP/1.1\r\nHost: localhost:%d\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"+
		"Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2025-11-25\r\nContent-Length: %d\r\n\r\n%s",
		server.port, a.tokens.AccessToken, len(body), body[:40])
	return func(t *testing.T) string {
		t.Helper()
		if _, err := io.WriteString(conn, body[40:]); err != nil {
			t.Fatalf("the server closed the connection of a call in flight: %v", err)
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("the call in flight is not answered: %v", err)
		}
		defer response.Body.Close()
		answer, _ := io.ReadAll(response.Body)
		return string(answer)
	}
}

// Health and readiness answer on both listeners, whatever name the prober uses.
func TestHealthOnBothListeners(t *testing.T) {
	t.Parallel()
	server := startDevServer(t)
	for _, base := range []string{server.url(), "http://" + server.addr(), server.adminURL()} {
		for _, path := range []string{"/healthz", "/readyz"} {
			if err := healthy(base + path); err != nil {
				t.Error(err)
			}
		}
	}
}
