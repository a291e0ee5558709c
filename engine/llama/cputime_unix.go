//go:build unix && cgo

package llama

import (
	"time"

	"golang.org/x/sys/unix"
)

// processorTime returns the CPU time of the process so far, and its page faults that
// waited for the disk.
func processorTime() (used time.Duration, faults int64, ok bool) {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &r) != nil {
		return 0, 0, false
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), int64(r.Majflt), true
}
