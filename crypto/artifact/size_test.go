package artifact_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"mcp-oauth-server/crypto/artifact"
)

// The budgets are what URLs, cookies, headers and credential stores on the way
// can carry. They hold for both deployments that the documentation shows.
func TestSizeBudgets(t *testing.T) {
	for _, issuer := range []string{localhost, site} {
		v, _ := newVault(t, issuer)
		at := func(resource string) string { return strings.Replace(resource, site, issuer, 1) }
		c, a, r := code, accessToken, refreshToken
		c.Resource, r.Resource = at(c.Resource), at(r.Resource)
		a.Issuer, a.Audience = at(a.Issuer), at(a.Audience)
		s := state
		s.State, s.Resource = strings.Repeat("s", 600), at(s.Resource)
		quoted := state // a client that sends JSON as its state: quotes cost an escape each
		quoted.State, quoted.Resource = strings.Repeat(`{"a":1},`, 40), at(s.Resource)

		placed := stream
		placed.ID = strings.Repeat("r", 43) // a place in the relay
		answered := requestState
		answered.Payload = bytes.Repeat([]byte(`"`), 32<<10)

		for _, tt := range []struct {
			name   string
			mint   func(*artifact.Vault) (string, error)
			budget int
		}{
			{"client_id of one redirect URI", mint(simple), 480},
			{"client_id of Cursor's three", mint(cursor), 640},
			{"code", mint(c), 900},
			{"access token", mint(a), 800},
			{"refresh token", mint(r), 420},
			{"session id", mint(session), 400},
			{"stream handle", mint(placed), 400},
			{"requestState with one question", mint(requestState), 480},
			{"requestState with 32 KiB of answers", mint(answered), artifact.MaxRequestState},
			{"state around a client's of 600 bytes", mint(s), artifact.MaxState},
			{"state around a client's of JSON", mint(quoted), artifact.MaxState},
			{"consent ticket around a client's state of 2,048 bytes", longTicket(), 8192},
			{"flow cookie with a client's state of 2,048 bytes", mint(longState), 3900},
		} {
			token, err := tt.mint(v)
			if err != nil {
				t.Errorf("%s at %s: %v", tt.name, issuer, err)
				continue
			}
			t.Logf("%-55s %5d of %5d at %s", tt.name, len(token), tt.budget, issuer)
			if len(token) > tt.budget {
				t.Errorf("%s at %s: %d characters, budget %d", tt.name, issuer, len(token), tt.budget)
			}
			if strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
				t.Errorf("%s: characters that a URL does not take", tt.name)
			}
		}
	}
}

func longTicket() func(*artifact.Vault) (string, error) {
	t := ticket
	t.State = strings.Repeat("s", 2048)
	return mint(t)
}

// What is too long is refused when it is minted, not by whoever redeems it.
func TestTooLong(t *testing.T) {
	v, _ := newVault(t, site)
	many := artifact.ClientRegistration{RedirectURIs: []string{"https://a.example/" + strings.Repeat("p", 1200)}}
	if _, err := mint(many)(v); !errors.Is(err, artifact.ErrTooLong) {
		t.Errorf("a client_id of 2 KB: %v", err)
	}
	wide := state
	wide.State = strings.Repeat("s", 1000)
	if _, err := mint(wide)(v); !errors.Is(err, artifact.ErrTooLong) {
		t.Errorf("a state of 1 KB: %v", err)
	}
	// The longest that is minted is also redeemed.
	for n := 600; n < 1000; n++ {
		wide.State = strings.Repeat("s", n)
		token, err := mint(wide)(v)
		if errors.Is(err, artifact.ErrTooLong) {
			return
		}
		must(t, err)
		if _, err := redeem[artifact.UpstreamState](v, token); err != nil {
			t.Fatalf("a state of %d bytes is minted and not redeemed: %v", n, err)
		}
	}
	t.Error("no state was too long")
}
