package e2e

import (
	"testing"
	"time"
)

// With access tokens of five seconds, a legacy client that calls a tool every two seconds goes on for twenty seconds:
// streams close and reopen, tokens are refreshed, and the user is not asked again.
func TestLegacyClientsOutliveTheirAccessTokens(t *testing.T) {
	t.Parallel()
	needNode(t)
	server := startDevServer(t, "ACCESS_TOKEN_TTL=5s")
	for _, client := range sseClients {
		t.Run(client.name, func(t *testing.T) {
			t.Parallel()
			script, args := command(client.command, server.url())
			d := leadDriver(t, script, args...)
			retries := 0
			tick := time.NewTicker(2 * time.Second)
			defer tick.Stop()
			for range 10 {
				<-tick.C
				retries += d.step(t, "tick") - 1
			}
			r := d.finish(t)
			t.Logf("10 calls in 20 s, %d had to be repeated", retries)
			if r.Authorizations != 1 {
				t.Errorf("the user had to log in %d times", r.Authorizations)
			}
			// A call may fall into the gap between two streams, but not every call.
			if retries > 6 {
				t.Errorf("%d of 10 calls had to be repeated", retries)
			}
		})
	}
}
