//go:build !unix

package llamaserver

import (
	"os"
	"syscall"
)

func bound() *syscall.SysProcAttr { return nil }

func tie(int) (release func()) { return func() {} }

// terminate ends a process: it cannot be asked.
func terminate(p *os.Process) { _ = p.Kill() }
