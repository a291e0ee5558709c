//go:build unix

package machine

import (
	"time"

	"golang.org/x/sys/unix"
)

// ProcessorTime returns the CPU time of this process so far, and its page faults that waited
// for the disk. ok is false where the system does not tell.
func ProcessorTime() (used time.Duration, faults int64, ok bool) {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &r) != nil {
		return 0, 0, false
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), int64(r.Majflt), true
}
