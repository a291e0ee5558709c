//go:build unix && cgo

package llama

import (
	"time"

	"golang.org/x/sys/unix"
)

// processorTime is what the process has had of the processors so far, and how
// often it waited for the disk to bring a page.
func processorTime() (used time.Duration, faults int64, ok bool) {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &r) != nil {
		return 0, 0, false
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), int64(r.Majflt), true
}
