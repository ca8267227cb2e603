package main

import (
	"net/netip"
	"os"
	"time"

	"mcp-oauth-server/crypto/artifact"
	"mcp-oauth-server/crypto/jose"
)

// ours is the real binary, in a process of its own, and the keys it runs with:
// codes and access tokens are minted here as /callback and /token mint them.
type ours struct {
	*process
	vault    *artifact.Vault
	clientID string
}

// The lifetimes are the product's, but for access tokens: they outlive the run,
// so that none ends in a window.
var lifetimes = artifact.Lifetimes{Code: time.Minute, Access: 6 * time.Hour, Idle: 168 * time.Hour, Session: 720 * time.Hour}

// startOurs runs the product with all its checks and guards on.
func (l *lab) startOurs() (*ours, error) {
	addr, admin, err := freeAddresses()
	if err != nil {
		return nil, err
	}
	secret := jose.NewSecret()
	o := new(ours)
	if err := o.mintFor("http://"+addr.String(), secret); err != nil {
		return nil, err
	}
	o.process, err = l.launch("ours", addr, admin, oursEnv(addr, addr, admin, secret), l.binary)
	return o, err
}

// oursEnv are the settings. public is where clients come in, which is another
// address behind a load balancer. The log level is warn: the peers do not log
// either.
func oursEnv(public, addr, admin netip.AddrPort, secret string) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"SERVER_URL=http://" + public.String(), "HOST=127.0.0.1", "PORT=" + port(addr), "ADMIN_ADDR=" + admin.String(),
		"KEYS=" + secret,
		"OIDC_ISSUER=http://127.0.0.1:1", "OIDC_CLIENT_ID=bench", // never asked: no login begins
		"ACCESS_TOKEN_TTL=" + lifetimes.Access.String(),
		"MAX_STREAMS=20000", "MAX_STREAMS_PER_USER=20000",
		"LOG_LEVEL=warn",
	}
}

// mintFor prepares the keys for a server with this SERVER_URL.
func (o *ours) mintFor(serverURL, secret string) error {
	secrets, err := jose.ParseSecrets(secret)
	if err != nil {
		return err
	}
	ring, err := jose.NewRing(serverURL, secrets)
	if err != nil {
		return err
	}
	o.vault = &artifact.Vault{Ring: ring, Algorithm: jose.EdDSA, Lifetimes: lifetimes, Now: time.Now, Issuers: []string{serverURL}}
	o.clientID, err = artifact.NewSealer[artifact.ClientRegistration](o.vault).Seal(artifact.ClientRegistration{
		Name: "Bench", RedirectURIs: []string{benchRedirect},
	})
	return err
}

// user is the i-th of the provider's users, as /callback names them.
func (o *ours) user(i int) artifact.User {
	return artifact.User{Subject: string(artifact.DigestOf(benchUser(i)))}
}

// forms returns n token requests with codes that were not used before.
func (o *ours) forms(n int) ([]string, error) {
	seal := artifact.NewSealer[artifact.AuthorizationCode](o.vault)
	return repeat(n, func(i int) (string, error) {
		code, err := seal.Seal(artifact.AuthorizationCode{
			User: o.user(i), Client: artifact.DigestOf(o.clientID), RedirectURI: artifact.DigestOf(benchRedirect),
			Challenge: benchChallenge(), Scope: "mcp:tools", Resource: o.resource(),
		})
		return codeForm(o.clientID, code), err
	})
}

// bearers returns access tokens of n users.
func (o *ours) bearers(n int) ([]string, error) {
	seal := artifact.NewSealer[artifact.AccessToken](o.vault)
	return repeat(n, func(i int) (string, error) {
		return seal.Seal(artifact.AccessToken{
			User: o.user(i), Issuer: o.vault.Issuers[0], Audience: o.resource(),
			Client: artifact.DigestOf(o.clientID), Scope: "mcp:tools", Family: artifact.NewID(),
		})
	})
}

func (o *ours) resource() string { return o.vault.Issuers[0] + "/sse" }
