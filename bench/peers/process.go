package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// process is a running server, pinned to the core of the servers.
type process struct {
	name        string
	addr, admin netip.AddrPort
	cmd         *exec.Cmd
	log         string // file of what it wrote
}

// startTime is how long a server may take to answer for the first time.
const startTime = 20 * time.Second

// launch runs a command pinned to the core of the servers and waits until both
// addresses answer.
func (l *lab) launch(name string, addr, admin netip.AddrPort, env []string, command ...string) (*process, error) {
	log, err := os.Create(filepath.Join(l.dir, name+"-"+port(addr)+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close() //nolint:errcheck // the child has its own
	cmd := exec.Command("taskset", append([]string{"-c", strconv.Itoa(l.serverCPU)}, command...)...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = l.dir, env, log, log
	// A bench that dies must not leave servers behind.
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{name: name, addr: addr, admin: admin, cmd: cmd, log: log.Name()}
	l.running = append(l.running, p)
	if err := p.await(); err != nil {
		text, _ := os.ReadFile(p.log) //nolint:errcheck // it only adds to the error
		return nil, fmt.Errorf("starting %s: %w\n%s", name, err, text)
	}
	return p, nil
}

// stopAll ends what launch started.
func (l *lab) stopAll() {
	for _, p := range l.running {
		p.stop()
	}
	l.running = nil
}

func port(addr netip.AddrPort) string { return strconv.Itoa(int(addr.Port())) }

func freeAddresses() (addr, admin netip.AddrPort, err error) {
	var listeners [2]net.Listener
	var ports [2]netip.AddrPort
	for i := range listeners {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return addr, admin, err
		}
		defer l.Close() //nolint:errcheck // it only held the port
		ports[i] = l.Addr().(*net.TCPAddr).AddrPort()
	}
	return ports[0], ports[1], nil
}

func (p *process) await() error {
	deadline := time.Now().Add(startTime)
	for _, addr := range []netip.AddrPort{p.addr, p.admin} {
		for {
			c, err := net.DialTimeout("tcp", addr.String(), time.Second)
			if err == nil {
				c.Close() //nolint:errcheck // it was only a question
				break
			}
			if time.Now().After(deadline) || p.gone() {
				return fmt.Errorf("it does not listen on %v: %w", addr, err)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return nil
}

// gone reports whether the process has ended; it is then a zombie until stop.
func (p *process) gone() bool {
	state, err := p.stat()
	return err != nil || state[0] == "Z"
}

func (p *process) stop() {
	p.cmd.Process.Kill() //nolint:errcheck // it may have ended by itself
	p.cmd.Wait()         //nolint:errcheck // it was killed
}

// get asks the admin listener.
func (p *process) get(path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.admin.String()+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s to %s: %s", p.name, response.Status, path, body)
	}
	return body, err
}

// prepared asks a peer for n things to send.
func (p *process) prepared(n int) ([]string, error) {
	body, err := p.get("/prepare?n=" + strconv.Itoa(n))
	if err != nil {
		return nil, err
	}
	return strings.Fields(string(body)), nil
}

// goroutines is how many the process has.
func (p *process) goroutines() (int, error) {
	body, err := p.get("/debug/pprof/goroutine?debug=1")
	if err != nil {
		return 0, err
	}
	var n int
	_, err = fmt.Sscanf(string(body), "goroutine profile: total %d", &n)
	return n, err
}

// megabyte is the unit in which promises about memory are made, in bytes.
const megabyte = 1e6

// stat returns the fields of /proc/PID/stat from the third on.
func (p *process) stat() ([]string, error) {
	text, err := os.ReadFile(p.proc("stat"))
	if err != nil {
		return nil, err
	}
	_, rest, found := strings.Cut(string(text), ") ")
	if !found {
		return nil, errors.New("/proc/PID/stat is not understood")
	}
	return strings.Fields(rest), nil
}

func (p *process) proc(file string) string {
	return filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), file)
}

// cpu is the time the process has used, user and system.
func (p *process) cpu() (time.Duration, error) {
	fields, err := p.stat()
	if err != nil {
		return 0, err
	}
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux of today
	return time.Duration(user+system) * tick, errors.Join(err1, err2)
}

// memory is the resident set of the process in bytes.
func (p *process) memory() (int, error) {
	file, err := os.Open(p.proc("status"))
	if err != nil {
		return 0, err
	}
	defer file.Close() //nolint:errcheck // only read
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var kb int
		if n, _ := fmt.Sscanf(lines.Text(), "VmRSS: %d kB", &kb); n == 1 { //nolint:errcheck // n says it
			return kb << 10, nil
		}
	}
	return 0, errors.New("/proc/PID/status has no VmRSS")
}

// descriptors is how many files and sockets the process has open. It is how one
// sees from outside that a server has let go of a connection.
func (p *process) descriptors() (int, error) {
	dir, err := os.Open(p.proc("fd"))
	if err != nil {
		return 0, err
	}
	defer dir.Close() //nolint:errcheck // only read
	names, err := dir.Readdirnames(-1)
	return len(names), err
}
