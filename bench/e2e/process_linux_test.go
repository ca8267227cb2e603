package e2e

import "syscall"

// ownGroup puts a child and its children into a process group that can be killed as one, and has the kernel kill the
// child when the tests die themselves, by a panic or a timeout, before any cleanup runs.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
