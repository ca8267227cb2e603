package e2e

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"testing"
	"time"
)

// replica is the server as a process. Its port and environment outlive the process, so that it can be started again.
type replica struct {
	*process
	owner       *testing.T // the test at whose end it is killed, whoever restarts it in between
	program     string     // the binary; the product if empty
	port, admin int
	env         []string
	args        []string
	dir         string
}

// addr is where the replica listens, for a front.
func (r *replica) addr() string { return fmt.Sprintf("127.0.0.1:%d", r.port) }

// url is the replica's own base URL; its SERVER_URL unless the environment says otherwise.
func (r *replica) url() string { return fmt.Sprintf("http://localhost:%d", r.port) }

func (r *replica) adminURL() string { return fmt.Sprintf("http://127.0.0.1:%d", r.admin) }

// newReplica prepares a replica on free ports without starting it. env holds NAME=value pairs.
func newReplica(t *testing.T, env []string, args ...string) *replica {
	t.Helper()
	r := &replica{owner: t, port: freePort(t), admin: freePort(t), args: args, dir: t.TempDir()}
	r.env = append([]string{
		fmt.Sprintf("PORT=%d", r.port),
		fmt.Sprintf("ADMIN_ADDR=127.0.0.1:%d", r.admin),
	}, env...)
	return r
}

// startReplica prepares a replica, starts it and waits until it is ready.
func startReplica(t *testing.T, env []string, args ...string) *replica {
	t.Helper()
	r := newReplica(t, env, args...)
	r.start(t)
	return r
}

// start runs the server until it says it is ready. When the test ends, its log is searched for secrets and crashes.
func (r *replica) start(t *testing.T) {
	t.Helper()
	r.process = spawn(r.owner, r.dir, r.env, cmp.Or(r.program, binary), r.args...)
	p := r.process
	r.owner.Cleanup(func() {
		p.kill()
		checkLog(r.owner, p.output.String())
		if r.owner.Failed() {
			r.owner.Logf("log of the replica on port %d:\n%s", r.port, p.output.String())
		}
	})
	eventually(t, startTimeout, "the server is ready", func() error {
		if r.ended() {
			t.Fatalf("the server ended with %v; it said:\n%s", r.err, r.output.String())
		}
		return healthy(r.adminURL() + "/readyz")
	})
}

// restart starts a replica again that was killed, on the same ports, with the same environment.
func (r *replica) restart(t *testing.T) {
	t.Helper()
	r.kill()
	r.start(t)
}

func healthy(url string) error {
	status, body, err := get(url)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("%s answers %d: %s", url, status, body)
	}
	return nil
}

// get fetches a URL on a connection of its own.
func get(url string) (status int, body string, err error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	response, err := client.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	return response.StatusCode, string(raw), err
}

// newKeys returns a fresh value for KEYS: one 32-byte secret in base64url.
func newKeys() string {
	secret := make([]byte, 32)
	rand.Read(secret)
	keys := base64.RawURLEncoding.EncodeToString(secret)
	secrets.add(keys)
	return keys
}

// sealed matches every artifact of ours and every JWT of a provider in compact form: none belongs in a log.
var sealed = regexp.MustCompile(`eyJ[\w-]{8,}\.[\w-]*\.[\w-]+`)

// crashed matches what the runtime and the race detector print, and what a recovered panic logs.
var crashed = regexp.MustCompile(`panic|DATA RACE|fatal error|goroutine \d+ \[`)

// checkLog fails the test when a log shows a crash, a data race, or anything that lets its reader act as a user.
func checkLog(t *testing.T, log string) {
	t.Helper()
	if crash := crashed.FindString(log); crash != "" {
		t.Errorf("the log of a replica holds %q:\n%s", crash, log)
	}
	if found := sealed.FindString(log); found != "" {
		t.Errorf("the log of a replica holds an artifact: %.24s…", found)
	}
	if found := secrets.in(log); found != "" {
		t.Errorf("the log of a replica holds a secret of the test: %.4s…", found)
	}
}
