package machine

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"time"

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

// A measurement is a saved bandwidth with the machine that it belongs to.
type measurement struct {
	Processor string  `json:"cpu"`
	Cores     int     `json:"cores"`
	Memory    int64   `json:"memory_bytes"`
	Bandwidth float64 `json:"bytes_per_second"`
}

// A Bench saves the memory's speed in a file, so that it is measured once.
type Bench struct {
	Path string // of the file, which need not exist
}

// Cached returns the saved bandwidth of this machine, or 0.
func (b Bench) Cached() float64 {
	data, err := os.ReadFile(b.Path)
	if err != nil {
		return 0
	}
	var m measurement
	if json.Unmarshal(data, &m) != nil || m != newMeasurement(m.Bandwidth) || !(m.Bandwidth > 0) {
		return 0
	}
	return m.Bandwidth
}

// Bandwidth returns the saved bandwidth, or measures and saves it.
func (b Bench) Bandwidth(ctx context.Context) float64 {
	if known := b.Cached(); known > 0 {
		return known
	}
	measured := Bandwidth(ctx, DetectProcessor().Cores)
	if measured > 0 {
		b.Save(measured)
	}
	return measured
}

// Save saves a measurement of all cores. Errors are ignored: it will be measured again.
func (b Bench) Save(bandwidth float64) {
	data, err := json.Marshal(newMeasurement(bandwidth))
	if err != nil || os.MkdirAll(filepath.Dir(b.Path), 0o700) != nil {
		return
	}
	_ = atomicfile.WriteFile(b.Path, append(data, '\n'), 0o600)
}

func newMeasurement(bandwidth float64) measurement {
	p := DetectProcessor()
	total, _ := Memory()
	return measurement{p.Name, p.Cores, total, bandwidth}
}
