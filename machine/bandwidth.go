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
	// bandwidthBytes is how much memory is read to measure its speed: more than
	// caches hold.
	bandwidthBytes  = 1 << 30
	bandwidthPasses = 4
)

// Bandwidth measures how fast so many threads read memory, in bytes per second.
// It takes about half a second, and a gigabyte if an eighth of the free memory
// is as much. It is 0 when ctx ends before.
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
		// A page that was never written is no memory yet.
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
		// Looking for a byte that is not there reads with vector instructions.
		each(threads, func(i int) { bytes.IndexByte(parts[i], 2) })
		best = max(best, float64(chunk)*float64(threads)/time.Since(began).Seconds())
	}
	return best
}

// each runs f(0) to f(n-1) at once.
func each(n int, f func(int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

// A measurement is a bandwidth as it is kept between runs, and what it is of.
type measurement struct {
	Processor string  `json:"cpu"`
	Cores     int     `json:"cores"`
	Memory    int64   `json:"memory_bytes"`
	Bandwidth float64 `json:"bytes_per_second"`
}

// A Bench keeps the memory's speed in a file, so that it is measured once.
type Bench struct {
	Path string // of the file, which is made when it is missing
}

// Cached is the bandwidth of an earlier measurement on this machine, 0 when there
// is none.
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

// Bandwidth is the known one or, where there is none, a new measurement, which
// is kept. A file that cannot be written only means that it is measured again.
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

// Save writes a measurement of all cores down.
func (b Bench) Save(bandwidth float64) {
	data, err := json.Marshal(newMeasurement(bandwidth))
	if err != nil || os.MkdirAll(filepath.Dir(b.Path), 0o700) != nil {
		return
	}
	_ = atomicfile.WriteFile(b.Path, append(data, '\n'), 0o600)
}

// newMeasurement is a measurement on this machine.
func newMeasurement(bandwidth float64) measurement {
	p := DetectProcessor()
	total, _ := Memory()
	return measurement{p.Name, p.Cores, total, bandwidth}
}
