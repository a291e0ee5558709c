package tune

import (
	"os"
	"syscall"
)

// ownGroup gives the trainer a process group: Ctrl-C reaches only bise, which ends the
// trainer's stdin.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// killGroup kills the trainer.
func killGroup(p *os.Process) { _ = p.Kill() }
