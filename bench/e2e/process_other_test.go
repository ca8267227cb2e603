//go:build !linux

package e2e

import "syscall"

// ownGroup puts a child and its children into a process group that can be killed as one.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
