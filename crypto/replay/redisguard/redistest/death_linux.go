package redistest

import "syscall"

// dieWithUs ends the server when the test dies without its cleanup.
func dieWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
