package e2e

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// A bad setting ends the server within two seconds, with exit code 2 and one line that names the setting.
func TestBadConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	const public = "SERVER_URL=https://mcp.example.test"
	provider := []string{"OIDC_ISSUER=http://127.0.0.1:1", "OIDC_CLIENT_ID=x", "OIDC_CLIENT_SECRET=y"}
	keys := "KEYS=" + newKeys()
	with := func(env ...string) []string { return append(append([]string{}, provider...), env...) }

	for _, test := range []struct {
		name string
		args []string
		env  []string
		want []string // what each fault's line names, in any order
	}{
		{"unknown flag", []string{"--no-such-flag"}, with(), []string{"--no-such-flag"}},
		{"unknown command", []string{"frobnicate"}, with(), []string{"frobnicate"}},
		{"port is no number", nil, with("PORT=http"), []string{"PORT"}},
		{"port out of range", nil, with("PORT=70000"), []string{"PORT"}},
		{"http off loopback", nil, with("SERVER_URL=http://mcp.example.test", keys, "ALLOW_ANY_USER=true"), []string{"SERVER_URL"}},
		{"trailing slash", nil, with("SERVER_URL=https://mcp.example.test/", keys, "ALLOW_ANY_USER=true"), []string{"SERVER_URL"}},
		{"base URL with a query", nil, with("SERVER_URL=https://mcp.example.test?x=1", keys, "ALLOW_ANY_USER=true"), []string{"SERVER_URL"}},
		{"base URL is no URL", nil, with("SERVER_URL=mcp.example.test", keys, "ALLOW_ANY_USER=true"), []string{"SERVER_URL"}},
		{"no provider", nil, nil, []string{"OIDC_ISSUER"}},
		{"provider and --dev", []string{"--dev"}, with(), []string{"--dev"}},
		{"--dev off loopback", []string{"--dev"}, []string{public, keys, "ALLOW_ANY_USER=true"}, []string{"--dev"}},
		{"--dev on all interfaces", []string{"--dev"}, []string{"HOST=0.0.0.0", keys}, []string{"--dev"}},
		{"half an OAuth 2 provider", nil, []string{"OIDC_AUTH_URL=https://idp.example.test/a", "OIDC_CLIENT_ID=x"}, []string{"OIDC_TOKEN_URL"}},
		{"issuer is no URL", nil, []string{"OIDC_ISSUER=idp", "OIDC_CLIENT_ID=x"}, []string{"OIDC_ISSUER"}},
		{"no client id", nil, []string{"OIDC_ISSUER=http://127.0.0.1:1"}, []string{"OIDC_CLIENT_ID"}},
		{"short key", nil, with("KEYS=c2hvcnQ"), []string{"KEYS"}},
		{"all-zero key", nil, with("KEYS=" + strings.Repeat("A", 43)), []string{"KEYS"}},
		{"no key off loopback", nil, with(public, "ALLOW_ANY_USER=true"), []string{"KEYS"}},
		{"keys file is not there", nil, with("KEYS_FILE=/nonexistent/keys"), []string{"KEYS_FILE"}},
		{"KEYS and KEYS_FILE", nil, with(keys, "KEYS_FILE=/nonexistent/keys"), []string{"KEYS_FILE"}},
		{"lifetime is no duration", nil, with("ACCESS_TOKEN_TTL=ten"), []string{"ACCESS_TOKEN_TTL"}},
		{"negative lifetime", nil, with("CODE_TTL=-1s"), []string{"CODE_TTL"}},
		{"zero lifetime", nil, with("REFRESH_TOKEN_TTL=0s"), []string{"REFRESH_TOKEN_TTL"}},
		{"unknown algorithm", nil, with("ACCESS_TOKEN_ALG=none"), []string{"ACCESS_TOKEN_ALG"}},
		{"no URL of a Redis", nil, with("REDIS_URL=http://127.0.0.1:6379"), []string{"REDIS_URL"}},
		{"a Redis without a scheme", nil, with("REDIS_URL=127.0.0.1:6379"), []string{"REDIS_URL"}},
		{"a Redis URL that does not parse", nil, with("REDIS_URL=redis://user:" + redisPassword + "@[::1"), []string{"REDIS_URL"}},
		{"everybody on a public URL", nil, with(public, keys), []string{"ALLOW"}},
		{"bad CIDR", nil, with("TRUSTED_PROXIES=10.0.0.0/99"), []string{"TRUSTED_PROXIES"}},
		{"bad origin", nil, with("ALLOWED_ORIGINS=example.test"), []string{"ALLOWED_ORIGINS"}},
		{"negative cap", nil, with("MAX_STREAMS=-1"), []string{"MAX_STREAMS"}},
		{"unknown claim", nil, with("TOKEN_CLAIMS=password"), []string{"TOKEN_CLAIMS"}},
		{"switch neither on nor off", nil, with("LEGACY_SSE=maybe"), []string{"LEGACY_SSE"}},
		{"two faults, two lines", nil, with("PORT=0x", "ACCESS_TOKEN_ALG=none"), []string{"PORT", "ACCESS_TOKEN_ALG"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := spawn(t, t.TempDir(), test.env, binary, test.args...)
			if code := p.exitCode(t, 2*time.Second); code != 2 {
				t.Errorf("exit code %d, want 2", code)
			}
			checkFaults(t, p.output.String(), test.want)
		})
	}
}

// checkFaults wants one line per fault, each naming its setting, and no stack trace or secret beside them.
func checkFaults(t *testing.T, said string, want []string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(said), "\n")
	if len(lines) != len(want) {
		t.Errorf("want %d lines, got:\n%s", len(want), said)
	}
	for _, setting := range want {
		if !strings.Contains(said, setting) {
			t.Errorf("no line names %s:\n%s", setting, said)
		}
	}
	checkLog(t, said)
}

// A port that somebody else has is a fault of the moment, not of the configuration: exit code 1.
func TestTakenPortIsARuntimeFailure(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, env string }{
		{"main", "PORT=%d"}, {"admin", "ADMIN_ADDR=127.0.0.1:%d"}, {"development provider", "DEV_OIDC_ADDR=127.0.0.1:%d"},
	} {
		t.Run(test.name, func(t *testing.T) {
			port := freePort(t)
			taken, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			if err != nil {
				t.Fatal(err)
			}
			defer taken.Close()
			env := []string{
				fmt.Sprintf("PORT=%d", freePort(t)), fmt.Sprintf("ADMIN_ADDR=127.0.0.1:%d", freePort(t)),
				fmt.Sprintf("DEV_OIDC_ADDR=127.0.0.1:%d", freePort(t)), fmt.Sprintf(test.env, port),
			}
			p := spawn(t, t.TempDir(), env, binary, "--dev")
			if code := p.exitCode(t, 5*time.Second); code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			if name, _, _ := strings.Cut(test.env, "="); !strings.Contains(p.output.String(), name) {
				t.Errorf("the message does not name %s:\n%s", name, p.output.String())
			}
			checkLog(t, p.output.String())
		})
	}
}
