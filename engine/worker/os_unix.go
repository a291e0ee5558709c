//go:build unix

package worker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

func userID() string { return strconv.Itoa(os.Geteuid()) }

// usableParent checks that the folder of sockets may be created in dir: only the user can
// write to dir, or it is like /tmp, where others cannot rename the user's files.
func usableParent(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("find a folder for the workers' sockets: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("find a folder for the workers' sockets: %s is not a folder", dir)
	}
	if info.Mode()&os.ModeSticky != 0 {
		return nil
	}
	// XDG_RUNTIME_DIR may be another user's after su or sudo.
	if owner(info) != os.Geteuid() || info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("find a folder for the workers' sockets: %s is not this user's alone", dir)
	}
	return nil
}

func owned(dir string, info fs.FileInfo) error {
	if uid := owner(info); uid != os.Geteuid() {
		return errShared(dir, fmt.Sprintf("it belongs to user %d", uid))
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return errShared(dir, fmt.Sprintf("others can enter it (mode %#o)", mode))
	}
	return nil
}

func owner(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

// notListening reports whether a dial failed because no process listens.
func notListening(err error) bool {
	return errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED)
}

// taken reports whether listening failed because the socket's path exists.
func inUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }

// detached starts a process in a new session, so that no terminal can hang up or
// interrupt it.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// ignoreSignals makes this process outlive the terminal it was started from.
func ignoreSignals() {
	signal.Ignore(syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGTSTP, syscall.SIGTTOU, syscall.SIGTTIN)
}

// abandonInherited closes files that came with the process by accident, such as a
// lock that the starter's shell holds: what Go and C libraries open is marked to
// be closed on exec, so only what was inherited is not.
func abandonInherited() {
	fds, err := os.ReadDir("/dev/fd")
	if err != nil {
		return
	}
	for _, e := range fds {
		fd, err := strconv.Atoi(filepath.Base(e.Name()))
		if err != nil || fd <= 2 {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			unix.Close(fd)
		}
	}
}

// muteOutput redirects stdin and stdout to /dev/null: llama.cpp prints to descriptor 1
// unconditionally.
func muteOutput() error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	for fd := range 2 {
		if err := dup2(int(null.Fd()), fd); err != nil {
			return err
		}
	}
	return nil
}

// forget lets go of the handle of a started process. It can still be reaped.
func forget(cmd *exec.Cmd) { _ = cmd.Process.Release() }

// reap returns how a child of this process ended. With wait it blocks until it has. ok is
// false while it runs, or if pid belongs to another process.
func reap(pid int, wait bool) (how string, ok bool) {
	options := syscall.WNOHANG
	if wait {
		options = 0
	}
	for {
		var status syscall.WaitStatus
		got, err := syscall.Wait4(pid, &status, options, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil || got != pid:
			return "", false
		case status.Signaled() && status.Signal() == syscall.SIGKILL:
			return killed, true
		case status.Signaled():
			return "signal: " + status.Signal().String(), true
		default:
			return "exit status " + strconv.Itoa(status.ExitStatus()), true
		}
	}
}

// kill ends a process that does not listen to reason.
func kill(pid int) error { return syscall.Kill(pid, syscall.SIGKILL) }
