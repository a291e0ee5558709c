package machine

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"

	"github.com/bise-sh/bise/atomicfile"
)

const (
	bandwidthBytes  = 1 << 30 // to read; more than caches hold
	bandwidthPasses = 4
)

// Bandwidth measures how fast a number of threads reads memory, in bytes per second. It
// takes half a second and up to a gigabyte. It returns 0 if ctx ends.
func Bandwidth(ctx context.Context, threads int) float64 {
	if ctx.Err() != nil {
		return 0
	}
	_, free := Memory()
	total := int64(bandwidthBytes)
	if free > 0 {
		total = max(64<<20, min(total, free/8))
	}
	chunk := total / int64(threads)
	parts := make([][]byte, threads)
	each(threads, func(i int) {
		parts[i] = make([]byte, chunk)
		// A page has no memory before it is written.
		for at := 0; at < len(parts[i]); at += os.Getpagesize() {
			parts[i][at] = 1
		}
	})
	best := 0.0
	for range bandwidthPasses {
		if ctx.Err() != nil {
			return 0
		}
		began := time.Now()
		// The search for a missing byte reads with vector instructions.
		each(threads, func(i int) { bytes.IndexByte(parts[i], 2) })
		best = max(best, float64(chunk)*float64(threads)/time.Since(began).Seconds())
	}
	return best
}

// each runs f(0) to f(n-1) concurrently.
func each(n int, f func(int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

const (
	// busyShare is the share of the processors' time above which other programs make a
	// measurement wrong.
	busyShare = 0.1
	// sampleTime is how long the processors are watched before they are called idle.
	sampleTime = 100 * time.Millisecond
)

// A clock has processor time in seconds since an unknown moment: of all processors, and what
// other processes used of it.
type clock struct{ total, others float64 }

// readClock reads the system's clock. ok is false where the system has none.
var readClock = func() (c clock, ok bool) {
	all, err := cpu.Times(false)
	if err != nil || len(all) == 0 {
		return clock{}, false
	}
	own, _, ok := ProcessorTime()
	if !ok {
		return clock{}, false
	}
	t := all[0]
	busy := t.User + t.System + t.Nice + t.Irq + t.Softirq + t.Steal
	return clock{busy + t.Idle + t.Iowait, busy - own.Seconds()}, true
}

// quietWhile reports whether other programs left the processors alone while f ran. It is
// true if the system does not tell.
func quietWhile(f func()) bool {
	before, ok := readClock()
	f()
	after, still := readClock()
	if !ok || !still || after.total <= before.total {
		return true
	}
	return (after.others-before.others)/(after.total-before.total) < busyShare
}

// Idle watches the processors for a moment, and reports whether other programs use them
// little.
func Idle(ctx context.Context) bool {
	return quietWhile(func() {
		select {
		case <-ctx.Done():
		case <-time.After(sampleTime):
		}
	})
}

// Measure is [Bandwidth] of all cores. quiet reports that other programs used the
// processors little meanwhile; otherwise the memory is faster.
func Measure(ctx context.Context) (bandwidth float64, quiet bool) {
	quiet = quietWhile(func() { bandwidth = Bandwidth(ctx, DetectProcessor().Cores) })
	return bandwidth, quiet
}

// A measurement is a saved bandwidth with the machine that it belongs to.
type measurement struct {
	Processor string  `json:"cpu"`
	Cores     int     `json:"cores"`
	Memory    int64   `json:"memory_bytes"`
	Bandwidth float64 `json:"bytes_per_second"`
	Quiet     bool    `json:"quiet"` // measured while other programs were idle
}

// A Bench keeps the best measured speed of the memory in a file. It is measured until other
// programs have left the processors alone once.
type Bench struct {
	Path string // of the file, which need not exist
}

// Cached returns the saved bandwidth of this machine, or 0, and whether it was measured
// while other programs were idle.
func (b Bench) Cached() (bandwidth float64, quiet bool) {
	data, err := os.ReadFile(b.Path)
	if err != nil {
		return 0, false
	}
	var m measurement
	if json.Unmarshal(data, &m) != nil || m != newMeasurement(m.Bandwidth, m.Quiet) || !(m.Bandwidth > 0) {
		return 0, false
	}
	return m.Bandwidth, m.Quiet
}

// Bandwidth returns the saved bandwidth. It measures if there is none, and again if the
// saved one was measured beside busy programs and they are idle. measuring, which may be
// nil, is called before.
func (b Bench) Bandwidth(ctx context.Context, measuring func()) (bandwidth float64, quiet bool) {
	known, quiet := b.Cached()
	if quiet || known > 0 && !Idle(ctx) {
		return known, quiet
	}
	if measuring != nil {
		measuring()
	}
	measured, quiet := Measure(ctx)
	return b.Save(measured, quiet)
}

// Save saves a measurement of all cores if it is better than the saved one, and returns the
// best. Errors of the file are ignored: the memory will be measured again.
func (b Bench) Save(bandwidth float64, quiet bool) (best float64, bestQuiet bool) {
	known, was := b.Cached()
	if bandwidth <= known && (was || !quiet) {
		return known, was
	}
	bandwidth, quiet = max(bandwidth, known), quiet || was
	data, err := json.Marshal(newMeasurement(bandwidth, quiet))
	if err == nil && bandwidth > 0 && os.MkdirAll(filepath.Dir(b.Path), 0o700) == nil {
		_ = atomicfile.WriteFile(b.Path, append(data, '\n'), 0o600)
	}
	return bandwidth, quiet
}

func newMeasurement(bandwidth float64, quiet bool) measurement {
	p := DetectProcessor()
	total, _ := Memory()
	return measurement{p.Name, p.Cores, total, bandwidth, quiet}
}
