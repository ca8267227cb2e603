package e2e

import (
	"fmt"
	"path/filepath"
	"testing"
)

// idp is panva's oidc-provider as the company's identity provider, as a process.
type idp struct {
	*process
	issuer string
	env    []string
}

// newIdP prepares a provider on a free port, for a server whose base URL is serverURL, without starting it. The
// environment selects its habits: PKCE=1, AUTHM=client_secret_post.
func newIdP(t *testing.T, serverURL string, env ...string) *idp {
	t.Helper()
	needNode(t)
	secrets.add(idpSecret)
	port := freePort(t)
	env = append([]string{fmt.Sprintf("PORT=%d", port), "RP_REDIRECT=" + serverURL + "/callback"}, env...)
	return &idp{issuer: fmt.Sprintf("http://127.0.0.1:%d", port), env: env}
}

// start runs the provider until it answers.
func (i *idp) start(t *testing.T) {
	t.Helper()
	script, err := filepath.Abs("node/idp.mjs")
	if err != nil {
		t.Fatal(err)
	}
	i.process = spawn(t, filepath.Dir(script), i.env, "node", script)
	eventually(t, startTimeout, "the identity provider answers", func() error {
		if i.ended() {
			t.Fatalf("the identity provider ended:\n%s", i.output.String())
		}
		return healthy(i.issuer + "/.well-known/openid-configuration")
	})
}

// settings are those of a server that uses the provider.
func (i *idp) settings() []string {
	return []string{"OIDC_ISSUER=" + i.issuer, "OIDC_CLIENT_ID=gw", "OIDC_CLIENT_SECRET=" + idpSecret}
}

// startIdP starts a provider that is there from beginning to end, and returns the settings for it.
func startIdP(t *testing.T, serverURL string, env ...string) []string {
	t.Helper()
	i := newIdP(t, serverURL, env...)
	i.start(t)
	return i.settings()
}

const idpSecret = "gw-secret-gw-secret-gw-secret-0123"

// startDevServer runs one server with the development identity provider.
func startDevServer(t *testing.T, env ...string) *replica {
	t.Helper()
	return startReplica(t, append([]string{fmt.Sprintf("DEV_OIDC_ADDR=127.0.0.1:%d", freePort(t))}, env...), "--dev")
}

// startDevProvider runs a server only for the development provider in it, which other replicas with the base URL
// serverURL may use. It needs Go alone, and it lives on when those replicas are killed.
func startDevProvider(t *testing.T, serverURL string) []string {
	t.Helper()
	port := freePort(t)
	startReplica(t, []string{fmt.Sprintf("DEV_OIDC_ADDR=127.0.0.1:%d", port), "SERVER_URL=" + serverURL}, "--dev")
	return []string{fmt.Sprintf("OIDC_ISSUER=http://localhost:%d", port), "OIDC_CLIENT_ID=" + devClientID, "OIDC_CLIENT_SECRET=" + devClientSecret}
}

// The registration that the development provider knows, as its documentation names it.
const (
	devClientID     = "mcp-oauth-server-dev"
	devClientSecret = "mcp-oauth-server-dev-secret"
)

// startPair starts two replicas with one key ring behind a front that is not open yet.
func startPair(t *testing.T, f *front, settings []string, more ...string) [2]*replica {
	t.Helper()
	env := append([]string{"SERVER_URL=" + f.url(), "KEYS=" + newKeys()}, settings...)
	env = append(env, more...)
	pair := [2]*replica{startReplica(t, env), startReplica(t, env)}
	f.open(t, pair[0], pair[1])
	return pair
}
