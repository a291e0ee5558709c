//go:build !unix && cgo

package llama

import "time"

func processorTime() (time.Duration, int64, bool) { return 0, 0, false }
