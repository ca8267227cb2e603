package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// lab is where all of it happens: one core for the servers, one for the load.
type lab struct {
	source                   string // directory of this program's source
	dir                      string // of binaries, logs and nothing that stays
	self, binary             string // this program, and the product
	serverCPU, loadCPU       int
	rounds, conns            int
	time                     time.Duration // of one window
	settle                   time.Duration // between two looks at a server's memory
	idleTime                 time.Duration // of watching idle streams
	idleStreams, manyStreams int
	profiles                 string // directory for CPU profiles of ours, "" for none
	running                  []*process
}

// build makes the product from the repository, unless a binary is given, and
// keeps this program's own binary at hand for the peers.
func (l *lab) build(given string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	l.self = self
	if given != "" {
		l.binary, err = filepath.Abs(given)
		if err == nil {
			_, err = os.Stat(l.binary)
		}
		return err
	}
	l.binary = filepath.Join(l.dir, "mcp-oauth-server")
	build := exec.Command("go", "build", "-trimpath", "-o", l.binary, ".") // as make build does
	build.Dir = filepath.Join(l.source, "..", "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the server: %w\n%s", err, text)
	}
	return nil
}

// cores checks that there are two to work with.
func (l *lab) cores() error {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return err
	}
	if !set.IsSet(l.serverCPU) || !set.IsSet(l.loadCPU) || l.serverCPU == l.loadCPU {
		return fmt.Errorf("two cores are needed; -server-cpu %d and -load-cpu %d are not two that may be used here", l.serverCPU, l.loadCPU)
	}
	return nil
}

// pin puts this process, all threads it has and will have, on the core of the
// load.
func (l *lab) pin() error {
	var set unix.CPUSet
	set.Set(l.loadCPU)
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(id, &set); err != nil && err != unix.ESRCH {
			return err
		}
	}
	return nil
}

func (l *lab) progress(format string, args ...any) { fmt.Fprintf(os.Stderr, "  "+format+"\n", args...) }
