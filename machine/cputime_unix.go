//go:build unix

package machine

import "golang.org/x/sys/unix"

// ownSeconds returns the CPU time of this process so far, in seconds.
func ownSeconds() (float64, bool) {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &r) != nil {
		return 0, false
	}
	return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9, true
}
