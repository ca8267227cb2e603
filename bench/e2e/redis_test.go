package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"mcp-oauth-server/crypto/replay/redisguard/redistest"
)

// redeemAt spends the app's code at one replica.
func (a *app) redeemAt(t *testing.T, r *replica) (status int, body string) {
	t.Helper()
	status, _, body = a.do(t, http.MethodPost, r.url()+"/token", "application/x-www-form-urlencoded", url.Values{
		"grant_type": {"authorization_code"}, "code": {a.code}, "code_verifier": {a.verifier},
		"redirect_uri": {a.redirect}, "client_id": {a.clientID}, "resource": {a.resource},
	}.Encode())
	return status, body
}

// upToTheCode takes all steps of a login but the last.
func (a *app) upToTheCode(t *testing.T) {
	t.Helper()
	steps := a.steps()
	for _, step := range steps[:len(steps)-1] {
		step.do(t)
	}
}

// With a Redis a code works once over all replicas. While the Redis is away no code is burned: the client is told to
// come again, and does. Nothing else notices.
func TestCodesAreSpentOnceOverAllReplicas(t *testing.T) {
	t.Parallel()
	need(t, "redis-server")
	store := redistest.Start(t)
	f := newFront(t, roundRobin)
	pair := startPair(t, f, startDevProvider(t, f.url()), "REDIS_URL=redis://"+store.Addr)
	first := newApp(f.url(), "alice")
	first.upToTheCode(t)
	if status, body := first.redeemAt(t, pair[0]); status != http.StatusOK {
		t.Fatalf("the code at the first replica: %d %s", status, body)
	} else {
		decode(t, body, &first.tokens)
		secrets.add(first.tokens.AccessToken, first.tokens.RefreshToken)
	}
	for i, r := range []*replica{pair[1], pair[0]} {
		if status, body := first.redeemAt(t, r); status != http.StatusBadRequest || !strings.Contains(body, `"invalid_grant"`) {
			t.Errorf("the same code again (%d): %d %s", i, status, body)
		}
	}

	second := newApp(f.url(), "bob")
	second.upToTheCode(t)
	store.Kill()
	if status, body := second.redeemAt(t, pair[0]); status != http.StatusServiceUnavailable || !strings.Contains(body, `"temporarily_unavailable"`) {
		t.Errorf("a code while Redis is away: %d %s", status, body)
	}
	first.useTools(t)
	first.refresh(t)
	for _, r := range pair {
		if err := healthy(r.adminURL() + "/readyz"); err != nil {
			t.Error(err)
		}
	}
	store.Restart()
	eventually(t, 30*time.Second, "the code is redeemed after all", func() error {
		status, body := second.redeemAt(t, pair[0])
		if status != http.StatusOK {
			return fmt.Errorf("%d %s", status, body)
		}
		decode(t, body, &second.tokens)
		secrets.add(second.tokens.AccessToken, second.tokens.RefreshToken)
		return nil
	})
	second.useTools(t)
}

// With a Redis the old transport needs no load balancer that knows it: every message of a stream goes to the next
// replica in turn, and every answer arrives.
func TestLegacyMessagesFindTheirStream(t *testing.T) {
	t.Parallel()
	need(t, "redis-server")
	f := newFront(t, roundRobin)
	startPair(t, f, startDevProvider(t, f.url()), "REDIS_URL=redis://"+redistest.Start(t).Addr)
	a := newApp(f.url(), "alice")
	a.login(t)
	status, s := a.openStream(t)
	if status != http.StatusOK {
		t.Fatalf("the stream: %d", status)
	}
	defer s.close()
	for i := range 8 {
		message := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"echo","arguments":{"message":"number %d"}}}`, i, i)
		if status := a.postTo(t, f.url()+s.endpoint, message); status != http.StatusAccepted {
			t.Fatalf("message %d: %d", i, status)
		}
		s.waitFor(t, fmt.Sprintf("number %d", i))
	}
	f.spread(t)
}

// A server whose Redis is not there yet starts, and says so.
func TestServerStartsWithoutItsRedis(t *testing.T) {
	t.Parallel()
	server := startDevServer(t, fmt.Sprintf("REDIS_URL=redis://user:%s@127.0.0.1:%d", redisPassword, freePort(t)))
	eventually(t, 10*time.Second, "the log tells of it", func() error {
		if !strings.Contains(server.output.String(), "redis_down") {
			return fmt.Errorf("the log says\n%s", server.output.String())
		}
		return nil
	})
	a := newApp(server.url(), "alice")
	a.upToTheCode(t)
	if status, body := a.redeemAt(t, server); status != http.StatusServiceUnavailable {
		t.Errorf("a code: %d %s", status, body)
	}
	server.terminate(t)
	for line := range strings.Lines(server.output.String()) {
		if !strings.HasPrefix(line, "time=") {
			t.Errorf("a library writes into the log: %s", line)
		}
	}
}

// redisPassword must not be seen in any log.
const redisPassword = "redis-password-of-the-test-0123456789"

func init() { secrets.add(redisPassword) }
