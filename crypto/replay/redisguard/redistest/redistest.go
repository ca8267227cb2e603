//go:build unix

// Package redistest starts real redis-servers for tests, on loopback, and breaks
// them: they can be killed, started again, and stopped so that they hang.
package redistest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

// patience is how long a redis-server may take to start or to answer.
const patience = 20 * time.Second

// Server is a running redis-server without persistence.
type Server struct {
	Addr string // 127.0.0.1 and a free port

	t    testing.TB
	args []string
	cmd  *exec.Cmd
	// Client is for the test's own questions.
	Client *redis.Client
}

// Start starts a server with additional arguments ("--requirepass", "x") and
// ends it with the test. Without redis-server on the machine the test is
// skipped, or fails if E2E=required is in the environment.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("E2E") == "required" {
			t.Fatal("redis-server is not installed (bench/setup installs it)")
		}
		t.Skip("redis-server is not installed (bench/setup installs it)")
	}
	logging.Disable() // the breaking is meant
	s := &Server{t: t, args: args, Addr: freeAddr(t)}
	s.Client = redis.NewClient(s.Options())
	t.Cleanup(func() {
		s.Client.Close() //nolint:errcheck // nothing is left to lose
		s.Kill()
	})
	s.Restart()
	return s
}

// freeAddr returns a loopback address that nothing listens on.
func freeAddr(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // it only listened
	return l.Addr().String()
}

// Options returns what a client needs to connect, as the test's user. It knows
// the password of "--requirepass".
func (s *Server) Options() *redis.Options {
	o := &redis.Options{Addr: s.Addr}
	for i, arg := range s.args {
		if arg == "--requirepass" {
			o.Password = s.args[i+1]
		}
	}
	return o
}

// Restart starts the server if it does not run, with empty memory, at the same
// address. It returns when the server answers.
func (s *Server) Restart() {
	s.t.Helper()
	if s.cmd != nil {
		return
	}
	_, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		s.t.Fatal(err)
	}
	args := append([]string{
		"--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no",
		"--dir", s.t.TempDir(), "--daemonize", "no",
	}, s.args...)
	s.cmd = exec.Command("redis-server", args...) //nolint:gosec // G204: the arguments are the test's own
	s.cmd.SysProcAttr = dieWithUs()
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.wait()
}

func (s *Server) wait() {
	s.t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if err = s.Client.Ping(context.Background()).Err(); err == nil {
			return
		}
	}
	s.t.Fatalf("redis-server does not answer: %v", err)
}

// Kill ends the server at once; its memory is lost.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}

// Pause makes the server hang: the kernel takes connections and bytes for it,
// but nothing is answered until Resume.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume ends a Pause. The server then works through all that has waited.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// Do runs a command and fails the test unless it works.
func (s *Server) Do(args ...any) string {
	s.t.Helper()
	answer, err := s.Client.Do(context.Background(), args...).Result()
	if err != nil {
		s.t.Fatalf("%v: %v", args, err)
	}
	return fmt.Sprint(answer)
}
