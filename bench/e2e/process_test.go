package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startTimeout bounds the wait for a process to be ready; the race detector on a busy machine is slow.
const startTimeout = 30 * time.Second

// process is a child whose output is kept and which never outlives its test.
type process struct {
	cmd    *exec.Cmd
	output logBuffer
	done   chan struct{} // closed when the process has been reaped
	err    error         // of Wait; read it after done
}

// spawn starts a program with exactly the given environment (and PATH and a scratch HOME) in the given directory.
func spawn(t *testing.T, dir string, env []string, name string, args ...string) *process {
	t.Helper()
	lookAtSources()
	p := &process{cmd: exec.Command(name, args...), done: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.SysProcAttr = ownGroup()
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(p.kill)
	return p
}

// kill is kill -9 of the process and its children; it returns when the process is gone.
func (p *process) kill() {
	if !p.ended() {
		killGroup(p.cmd.Process.Pid)
	}
	<-p.done
}

// killGroup is kill -9 of a process that was started with ownGroup, and of its children.
func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }

// terminate sends SIGTERM to the process alone, as an orchestrator does.
func (p *process) terminate(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("SIGTERM: %v", err)
	}
}

// exitCode waits for the end of the process and returns its exit code.
func (p *process) exitCode(t *testing.T, limit time.Duration) int {
	t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(limit):
		t.Fatalf("the process still runs after %v; it said:\n%s", limit, p.output.String())
		return 0
	}
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// logBuffer collects the output of a process; it may be read while the process writes.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// eventually polls until ok returns true; it fails the test with what last said after the limit.
func eventually(t *testing.T, limit time.Duration, what string, ok func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := ok()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v: %v", what, limit, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

var ports struct {
	sync.Mutex
	given map[int]bool
}

// freePort returns a port that is free on both loopback addresses and was not given before. It lies below the range
// the kernel takes the ports of outgoing connections from, so that nothing grabs it before the server listens.
func freePort(t *testing.T) int {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	if ports.given == nil {
		ports.given = make(map[int]bool)
	}
	for range 1000 {
		port := 20000 + rand.IntN(8000)
		if !ports.given[port] && free("127.0.0.1", port) && (!hasIPv6() || free("[::1]", port)) {
			ports.given[port] = true
			return port
		}
	}
	t.Fatal("no free port between 20000 and 28000")
	return 0
}

func free(host string, port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", host, port))
	if err != nil {
		return false
	}
	l.Close()
	return true
}

var hasIPv6 = sync.OnceValue(func() bool {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		return false
	}
	l.Close()
	return true
})
