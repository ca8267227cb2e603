package e2e

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mcp-oauth-server/crypto/replay/redisguard/redistest"
)

// The official conformance suite of the protocol, against the product with the suite's fixtures built in, through a
// real login: a proxy adds the bearer, because the suite has no way to.

// conformanceTimeout bounds one run of the suite.
const conformanceTimeout = 3 * time.Minute

// buildConformance builds the product with the fixtures, once.
var buildConformance = sync.OnceValues(func() (string, error) {
	program := filepath.Join(filepath.Dir(binary), "conformance-server")
	args := append([]string{"build", "-tags", "conformance", "-o", program}, raceFlags...)
	out, err := exec.Command("go", append(args, "mcp-oauth-server")...).CombinedOutput()
	if err != nil {
		err = &buildError{err, string(out)}
	}
	return program, err
})

type buildError struct {
	err    error
	output string
}

func (e *buildError) Error() string { return e.err.Error() + "\n" + e.output }

// conformanceServer returns the path of the product with the fixtures.
func conformanceServer(t *testing.T) string {
	t.Helper()
	program, err := buildConformance()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// node22 returns the Node.js that the suite and the Inspector need; it comes as an npm package.
func node22(t *testing.T) string {
	t.Helper()
	architecture := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	program, err := filepath.Abs("node22/node_modules/node-linux-" + architecture + "/bin/node")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		missing(t, "the npm packages of bench/e2e/node22 are not installed")
	}
	return program
}

// suite is one way to run it. The checks that have to succeed stand in testdata/conformance, one "scenario:check" a
// line: the suite's own verdict alone would pass a scenario whose fixture is missing, because nothing was checked then.
type suite struct {
	name string
	args []string
	// scenarios is how many scenarios have checks there.
	scenarios int
}

var suites = []suite{
	{"2026-07-28", []string{"--requirements", "2026-07-28"}, 37},
	{"2025-11-25", []string{"--requirements", "2025-11-25"}, 30},
	// The 27th, server-session-lifecycle, has nothing to check where DELETE is answered 405.
	{"2025-06-18", []string{"--spec-version", "2025-06-18"}, 26},
}

func TestConformance(t *testing.T) {
	t.Parallel()
	node := node22(t)
	t.Run("one process", func(t *testing.T) {
		r := newReplica(t, []string{fmt.Sprintf("DEV_OIDC_ADDR=127.0.0.1:%d", freePort(t))}, "--dev")
		r.program = conformanceServer(t)
		r.start(t)
		conform(t, node, r.url())
	})
	t.Run("two replicas with Redis", func(t *testing.T) {
		f := newFront(t, roundRobin)
		env := append(startDevProvider(t, f.url()), "SERVER_URL="+f.url(), "KEYS="+newKeys(), "REDIS_URL="+startRedis(t))
		pair := [2]*replica{newReplica(t, env), newReplica(t, env)}
		for _, r := range pair {
			r.program = conformanceServer(t)
			r.start(t)
		}
		f.open(t, pair[0], pair[1])
		conform(t, node, f.url())
	})
}

// conform runs every suite against the server at base, one after the other.
func conform(t *testing.T, node, base string) {
	a := newApp(base, "alice")
	a.login(t)
	resource := injectBearer(t, base, a.tokens.AccessToken) + "/sse"
	for _, s := range suites {
		t.Run(s.name, func(t *testing.T) { s.run(t, node, resource) })
	}
}

func (s suite) run(t *testing.T, node, resource string) {
	t.Helper()
	dir, output := s.verdict(t, node, resource)
	succeeded := readChecks(t, dir)
	scenarios := make(map[string]bool)
	for _, id := range s.required(t, succeeded) {
		if !slices.Contains(succeeded, id) {
			t.Errorf("%s did not succeed", id)
		}
		scenario, _, _ := strings.Cut(id, ":")
		scenarios[scenario] = true
	}
	if len(scenarios) != s.scenarios {
		t.Errorf("%d scenarios, want %d", len(scenarios), s.scenarios)
	}
	if t.Failed() {
		t.Log(output)
	}
}

// verdict runs the suite, which must end with 0, and returns the folder of its results and what it said.
func (s suite) verdict(t *testing.T, node, resource string) (dir, output string) {
	t.Helper()
	dir = t.TempDir()
	args := append([]string{conformanceScript(t), "server", "--url", resource, "-o", dir, "--timeout", "10000"}, s.args...)
	p := spawn(t, dir, nil, node, args...)
	if code := p.exitCode(t, conformanceTimeout); code != 0 {
		t.Fatalf("the suite ends with %d:\n%s", code, p.output.String())
	}
	return dir, p.output.String()
}

var updateChecks = flag.Bool("update-conformance", false, "write the checks that succeed now to testdata/conformance")

// required reads the checks that have to succeed.
func (s suite) required(t *testing.T, succeeded []string) []string {
	t.Helper()
	file := filepath.Join("testdata", "conformance", s.name+".txt")
	if *updateChecks {
		scored := slices.DeleteFunc(slices.Clone(succeeded), func(id string) bool { return notScored.MatchString(id) })
		if err := os.WriteFile(file, []byte(strings.Join(scored, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(text))
}

// notScored are scenarios that a revision does not require: extensions, and what came after it.
var notScored = regexp.MustCompile(`^(tasks-|sep-2640-|json-schema-2020-12:|http-header-validation:|http-custom-header-server-validation:|server-session-lifecycle:|server-sse-polling:)`)

func conformanceScript(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("node22/node_modules/@modelcontextprotocol/conformance/dist/index.js")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// readChecks collects the checks that succeeded, as "scenario:id", sorted.
func readChecks(t *testing.T, dir string) (succeeded []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "server-*", "checks.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var checks []struct{ ID, Status string }
		if err := json.Unmarshal(raw, &checks); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		name := scenarioName.FindStringSubmatch(filepath.Base(filepath.Dir(file)))
		if name == nil {
			t.Fatalf("%s has no scenario in its name", file)
		}
		for _, c := range checks {
			if c.Status == "SUCCESS" {
				succeeded = append(succeeded, name[1]+":"+c.ID)
			}
		}
	}
	slices.Sort(succeeded)
	return slices.Compact(succeeded)
}

// scenarioName is the name of a folder of results: the scenario between a prefix and a time.
var scenarioName = regexp.MustCompile(`^server-(.+)-\d{4}-\d\d-\d\dT.*$`)

// startRedis starts a redis-server and returns its URL.
func startRedis(t *testing.T) string {
	t.Helper()
	need(t, "redis-server")
	return "redis://" + redistest.Start(t).Addr
}

// injectBearer starts a proxy that adds the bearer and returns its base URL.
func injectBearer(t *testing.T, base, token string) string {
	t.Helper()
	script, err := filepath.Abs("node/inject.mjs")
	if err != nil {
		t.Fatal(err)
	}
	p := spawn(t, t.TempDir(), []string{"TOKEN=" + token}, "node", script, base)
	var own string
	eventually(t, startTimeout, "the proxy listens", func() error {
		own = strings.TrimSpace(p.output.String())
		if !strings.HasPrefix(own, "http://") {
			return fmt.Errorf("it says %q", own)
		}
		return nil
	})
	return own
}

// authorizeURLs are those that the suite prints for the user's browser.
var authorizeURLs = regexp.MustCompile(`https?://\S+/authorize\?\S+`)

// TestConformanceAuthorization has the suite judge the authorization server: discovery and the code grant.
func TestConformanceAuthorization(t *testing.T) {
	t.Parallel()
	node := node22(t)
	server := startDevServer(t)
	port := freePort(t)
	redirect := fmt.Sprintf("http://127.0.0.1:%d/callback", port)
	client := register(t, server.url(), redirect)

	dir := t.TempDir()
	p := spawn(t, dir, nil, node, conformanceScript(t), "authorization", "--url", server.url(), "--client-id", client, "-p", fmt.Sprint(port))
	var target string
	eventually(t, startTimeout, "the suite asks for the browser", func() error {
		if target = authorizeURLs.FindString(p.output.String()); target == "" || p.ended() {
			return fmt.Errorf("it says %s", p.output.String())
		}
		return nil
	})
	b := newBrowser("alice")
	answer := b.signIn(t, b.submit(t, b.open(t, target), "approve"), redirect)
	if status, body, err := get(answer.String()); err != nil || status >= 400 {
		t.Fatalf("the suite answers its callback with %d %s %v", status, body, err)
	}
	if code := p.exitCode(t, conformanceTimeout); code != 0 {
		t.Fatalf("the suite ends with %d:\n%s", code, p.output.String())
	}
	if !strings.Contains(p.output.String(), "2 passed, 0 failed") {
		t.Errorf("not both scenarios passed:\n%s", p.output.String())
	}
}

// register registers a client with one redirect URI and returns its client_id.
func register(t *testing.T, base, redirect string) string {
	t.Helper()
	body := fmt.Sprintf(`{"client_name":"conformance","redirect_uris":[%q],"token_endpoint_auth_method":"none"}`, redirect)
	response, err := http.Post(base+"/register", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		ClientID string `json:"client_id"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || answer.ClientID == "" {
		t.Fatalf("POST /register answers %d: %v", response.StatusCode, err)
	}
	return answer.ClientID
}
