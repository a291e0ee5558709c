//go:build unix

package llamaserver

import (
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// watch starts a process that waits for the end of a pipe, whose other end only this process has, and
// then kills the process pid. release ends it.
func watch(pid int) (release func()) {
	r, w, err := os.Pipe()
	if err != nil {
		slog.Warn("llama-server is not watched", "err", err)
		return func() {}
	}
	cmd := exec.Command("/bin/sh", "-c", `read -r line || kill -9 "$0"`, strconv.Itoa(pid))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = r, io.Discard, io.Discard
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = cmd.Start()
	r.Close()
	if err != nil {
		w.Close()
		slog.Warn("llama-server is not watched", "err", err)
		return func() {}
	}
	return func() {
		_, _ = w.WriteString("done\n")
		w.Close()
		_ = cmd.Wait()
	}
}

// terminate asks a process to end.
func terminate(p *os.Process) { _ = p.Signal(syscall.SIGTERM) }
