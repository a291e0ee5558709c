//go:build unix && !linux

package llamaserver

import "syscall"

// bound puts the child into a separate group: an interrupt of the terminal is not meant for it.
func bound() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// tie ends the process when this one ends, however that happens.
func tie(pid int) (release func()) { return watch(pid) }
