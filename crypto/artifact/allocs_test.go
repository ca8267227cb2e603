//go:build !race

package artifact_test

import (
	"testing"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/crypto/jose"
)

// The allocations of a mint and an opening. A mint makes the token. An opening
// makes one string, of which the members are pieces; a list makes one more, and
// so do bytes. The race detector counts its own.
func TestAllocations(t *testing.T) {
	v, _ := newVault(t, site)
	symmetric, _ := newVault(t, site)
	symmetric.Algorithm = jose.HS256
	budgets := map[string]float64{
		"ClientRegistration": 2, "AuthorizationCode": 1, "AccessToken": 1, "RefreshToken": 1, "ConsentTicket": 1,
		"UpstreamState": 1, "LongState": 1, "Session": 1, "Stream": 1, "RequestState": 2,
	}
	for _, vault := range []*artifact.Vault{v, symmetric} {
		for _, k := range kinds {
			token, err := k.mint(vault)
			must(t, err)
			budget, ok := budgets[k.name]
			if !ok {
				t.Fatalf("%s has no budget", k.name)
			}
			if n := testing.AllocsPerRun(100, func() {
				if _, err := k.mint(vault); err != nil {
					t.Error(err)
				}
			}); n > 1 {
				t.Errorf("%s: %v allocations to mint, budget 1", k.name, n)
			}
			// The artifact comes back as an any here, which is one more.
			if n := testing.AllocsPerRun(100, func() {
				if _, err := k.redeem(vault, token); err != nil {
					t.Error(err)
				}
			}); n > budget+1 {
				t.Errorf("%s: %v allocations to open, budget %v", k.name, n-1, budget)
			}
		}
	}
}

// Refusing makes nothing: a stranger's garbage is no work for the collector.
func TestRefusingAllocatesNothing(t *testing.T) {
	v, _ := newVault(t, site)
	open := artifact.NewOpener[artifact.AccessToken](v)
	token, err := mint(accessToken)(v)
	must(t, err)
	for name, refused := range map[string]string{
		"forged": token[:len(token)-30] + "AAAAAAA" + token[len(token)-23:], "cut": token[:len(token)-1], "garbage": "x", "nothing": "",
	} {
		if n := testing.AllocsPerRun(100, func() {
			if _, err := open.Open(refused); err == nil {
				t.Error("opened")
			}
		}); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// kept keeps what is made, or the compiler would not make it.
var kept string

func TestDigestsAndIDsAllocateOnce(t *testing.T) {
	long := simple.RedirectURIs[0] + clientID
	digest := artifact.DigestOf(long)
	for name, tt := range map[string]struct {
		op     func()
		budget float64
	}{
		"DigestOf":  {func() { kept = string(artifact.DigestOf(long)) }, 1},
		"Matches":   {func() { digest.Matches(long) }, 0},
		"NewID":     {func() { kept = artifact.NewID() }, 1},
		"NewSecret": {func() { kept = artifact.NewSecret() }, 1},
	} {
		if n := testing.AllocsPerRun(100, tt.op); n > tt.budget {
			t.Errorf("%s: %v allocations, budget %v", name, n, tt.budget)
		}
	}
}
