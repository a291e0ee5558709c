//go:build unix

package downloader

import (
	"syscall"
	"testing"
)

// pipe makes a named pipe, whose opening waits for somebody at the other end.
func pipe(t *testing.T, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip("no pipes here: ", err)
	}
}
