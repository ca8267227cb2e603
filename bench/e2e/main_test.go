// Package e2e tests the server as its users meet it: the real binary, started as a process with a real environment, in
// front of real identity providers and behind real fronts, driven by the MCP and OAuth clients that people run.
//
// Each *_test.go file whose name is a story (login, failover, expiry, …) tells one. The others are the rig:
//
//	main_test.go      builds the binary once; says what is missing on this machine
//	process_test.go   starts, kills and reaps processes and watches what they print
//	replica_test.go   the server as a process: its environment, its readiness, its log
//	provider_test.go  the identity providers: the development provider and panva's oidc-provider
//	front_test.go     load balancers: per-request round robin, session hash, TLS
//	browser_test.go   a browser with a cookie jar that fills in forms
//	app_test.go       an MCP client that takes the login one step at a time
//	stream_rig_test.go  its legacy streams
//	driver_test.go    runs the npm clients in node/
//
// The package imports nothing of the product, upstreamtest (a provider that misbehaves) aside: what it knows is what a
// script outside may rely on. Nothing here listens
// or connects anywhere but on loopback.
package e2e

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// binary is the server under test, built once with the race detector whenever the tests run with it.
var binary string

// required turns each missing part of the machine (node, chromium, nginx) from a skip into a failure.
var required = os.Getenv("E2E") == "required"

func TestMain(m *testing.M) {
	flag.Parse()
	// The stories mostly wait for other processes, so more of them fit on the machine than it has processors.
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		_ = f.Value.Set("4")
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "mcp-oauth-server-e2e-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "mcp-oauth-server")
		args := append([]string{"build", "-o", binary}, raceFlags...)
		build := exec.Command("go", append(args, "mcp-oauth-server")...)
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "building the server: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// lookAtSources looks at every file of the repository, once a test runs. The binary is no import of this package, so
// without it `go test` would not notice that the server has changed and repeat an older result from its cache.
var lookAtSources = sync.OnceFunc(func() {
	_ = filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil, entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "node_modules"):
			return fs.SkipDir
		case !entry.IsDir():
			_, err = os.Stat(path)
		}
		return err
	})
})

// need skips the test when a program is not installed, or fails it when all parts are required.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			missing(t, program+" is not installed")
		}
	}
}

// needNode is need for the npm packages of node/, which bench/setup installs.
func needNode(t *testing.T) {
	t.Helper()
	need(t, "node")
	if _, err := os.Stat("node/node_modules/.package-lock.json"); err != nil {
		missing(t, "the npm packages of bench/e2e/node are not installed")
	}
}

func missing(t *testing.T, what string) {
	t.Helper()
	if required {
		t.Fatalf("%s (bench/setup installs it)", what)
	}
	t.Skipf("%s (bench/setup installs it)", what)
}
