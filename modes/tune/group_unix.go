//go:build !windows

package tune

import (
	"os"
	"syscall"
)

// ownGroup gives the trainer a process group: Ctrl-C reaches only bise, which ends the
// trainer's stdin.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills the trainer and what started it, such as uv.
func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }
