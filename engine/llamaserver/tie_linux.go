package llamaserver

import "syscall"

// bound makes the kernel end the child with the thread that starts it.
func bound() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// tie has nothing to do on Linux, where bound is enough.
func tie(int) (release func()) { return func() {} }
