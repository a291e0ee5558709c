//go:build !unix

package machine

import "time"

// ProcessorTime is not known on this system.
func ProcessorTime() (used time.Duration, faults int64, ok bool) { return 0, 0, false }
