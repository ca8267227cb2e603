package e2e

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// driverTimeout bounds a whole run of a driver: login, tools and refresh.
const driverTimeout = 90 * time.Second

// report is the JSON line that a driver prints in the end.
type report struct {
	Driver         string         `json:"driver"`
	Protocol       string         `json:"protocol"`
	Tools          []string       `json:"tools"`
	Registrations  int            `json:"registrations"`
	Authorizations int            `json:"authorizations"`
	Tokens         int            `json:"tokens"`
	Sizes          map[string]int `json:"sizes"`
	Steps          int            `json:"steps"`
}

// driver is a running npm client.
type driver struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	lines  chan string
	stderr logBuffer
}

// runDriver runs a driver to its end and returns its report; a driver that is not content fails the test.
func runDriver(t *testing.T, script string, args ...string) report {
	t.Helper()
	return startDriver(t, nil, script, args...).finish(t)
}

// leadDriver starts a driver and waits until it has logged in and used the tools; then it obeys step.
func leadDriver(t *testing.T, script string, args ...string) *driver {
	t.Helper()
	d := startDriver(t, []string{"STEPS=1"}, script, args...)
	if line := d.line(t); line != `{"ready":true}` {
		t.Fatalf("%s prints %q", script, line)
	}
	return d
}

func startDriver(t *testing.T, env []string, script string, args ...string) *driver {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("node", script))
	if err != nil {
		t.Fatal(err)
	}
	d := &driver{cmd: exec.Command("node", append([]string{path}, args...)...), lines: make(chan string)}
	d.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TMPDIR=" + os.TempDir()}, env...)
	d.cmd.Stderr = &d.stderr
	d.cmd.SysProcAttr = ownGroup()
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if d.stdin, err = d.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(d.lines)
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			d.lines <- scanner.Text()
		}
	}()
	t.Cleanup(func() { d.stop() })
	return d
}

// step has the driver call a tool, and returns how many tries it took.
func (d *driver) step(t *testing.T, name string) (tries int) {
	t.Helper()
	if _, err := io.WriteString(d.stdin, name+"\n"); err != nil {
		t.Fatalf("the driver is gone: %v\n%s", err, d.stderr.String())
	}
	var answer struct{ Tries int }
	decode(t, d.line(t), &answer)
	return answer.Tries
}

// finish ends the input of the driver and waits for its report.
func (d *driver) finish(t *testing.T) report {
	t.Helper()
	d.stdin.Close()
	var r report
	if err := json.Unmarshal([]byte(d.line(t)), &r); err != nil {
		t.Fatalf("the driver reports no JSON: %v", err)
	}
	t.Logf("%s: protocol %s, logins %d, token responses %d, sizes %v", r.Driver, r.Protocol, r.Authorizations, r.Tokens, r.Sizes)
	if got := strings.Join(r.Tools, " "); got != "echo stock_price sum" {
		t.Errorf("%s saw the tools %q", r.Driver, got)
	}
	return r
}

// line returns the next line the driver prints.
func (d *driver) line(t *testing.T) string {
	t.Helper()
	select {
	case line, open := <-d.lines:
		if !open {
			t.Fatalf("the driver is not content:\n%s", d.stderr.String())
		}
		return line
	case <-time.After(driverTimeout):
		t.Fatalf("the driver prints nothing for %v:\n%s", driverTimeout, d.stderr.String())
		return ""
	}
}

func (d *driver) stop() {
	killGroup(d.cmd.Process.Pid)
	for range d.lines {
	}
	_ = d.cmd.Wait()
}
