package worker

// Windows has Unix sockets since 2018, and this file what they need. It compiles;
// it has not been tried.

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/windows"
)

// userID is constant: the folder for temporary files belongs to one user.
func userID() string { return "user" }

func usableParent(dir string) error {
	_, err := os.Stat(dir)
	return err
}

// owned trusts the folder for temporary files to have the user's access list.
func owned(string, fs.FileInfo) error { return nil }

func notListening(err error) bool {
	return errors.Is(err, windows.WSAECONNREFUSED) || errors.Is(err, fs.ErrNotExist)
}

func inUse(err error) bool { return errors.Is(err, windows.WSAEADDRINUSE) }

func detached() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: windows.DETACHED_PROCESS | windows.CREATE_NEW_PROCESS_GROUP}
}

func ignoreSignals() { signal.Ignore(os.Interrupt) }

// abandonInherited has nothing to do: handles are inherited by name only.
func abandonInherited() {}

func muteOutput() error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	os.Stdin, os.Stdout = null, null
	return nil
}

func forget(cmd *exec.Cmd) { _ = cmd.Process.Release() }

// reap does nothing: Windows has no child processes to reap.
func reap(int, bool) (string, bool) { return "", false }

func kill(pid int) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return p.Kill()
}

func peer(*net.UnixConn) int { return 0 }
