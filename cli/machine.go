package cli

import (
	"bytes"
	"context"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/cpuid/v2"
	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/mem"
)

// A processor is what computes when no GPU does.
type processor struct {
	Name     string   `json:"name"`
	Cores    int      `json:"cores"`    // physical
	Features []string `json:"features"` // vector instructions that llama.cpp has code for
}

func thisProcessor() processor {
	p := processor{Name: cpuid.CPU.BrandName, Features: []string{}}
	if p.Name == "" {
		p.Name = runtime.GOARCH
		if list, err := cpu.Info(); err == nil && len(list) > 0 && list[0].ModelName != "" {
			p.Name = list[0].ModelName
		}
	}
	p.Cores, _ = cpu.Counts(false)
	if p.Cores == 0 {
		p.Cores = runtime.NumCPU()
	}
	for _, f := range []struct {
		id   cpuid.FeatureID
		name string
	}{
		{cpuid.SSE42, "SSE4.2"},
		{cpuid.AVX, "AVX"},
		{cpuid.AVX2, "AVX2"},
		{cpuid.AVX512F, "AVX-512"},
		{cpuid.AVX512VNNI, "VNNI"},
		{cpuid.AMXINT8, "AMX"},
		{cpuid.ASIMDDP, "DOTPROD"},
		{cpuid.SVE, "SVE"},
	} {
		if cpuid.CPU.Has(f.id) {
			p.Features = append(p.Features, f.name)
		}
	}
	return p
}

// best are the widest of the processor's vector instructions.
func (p processor) best() string {
	for _, name := range []string{"AMX", "VNNI"} {
		for _, f := range p.Features {
			if f == name {
				return "AVX-512 " + name
			}
		}
	}
	if len(p.Features) == 0 {
		return "no vector instructions"
	}
	return p.Features[len(p.Features)-1]
}

// memory gives the bytes that the machine, or the container that bise is in,
// has, and those that can be taken without swapping; zeros where unknown.
func memory() (total, free int64) {
	v, err := mem.VirtualMemory()
	if err != nil {
		return 0, 0
	}
	total, free = int64(v.Total), int64(v.Available)
	// cgroup v2: https://docs.kernel.org/admin-guide/cgroup-v2.html#memory
	limit, used := number("/sys/fs/cgroup/memory.max"), number("/sys/fs/cgroup/memory.current")
	if limit > 0 {
		total, free = min(total, limit), min(free, max(0, limit-used))
	}
	return total, free
}

// number reads a file that holds one, 0 where there is none.
func number(path string) int64 {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	return n
}

// peakMemory is the most memory that this process has had, in bytes, 0 where the
// system does not tell (it does on Linux).
func peakMemory() int64 {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kB, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kB * 1024
		}
	}
	return 0
}

const (
	// bandwidthBytes is how much memory is read to measure its speed: more than
	// caches hold.
	bandwidthBytes  = 1 << 30
	bandwidthPasses = 4
)

// bandwidth measures how fast so many threads read memory, in bytes per second.
// It takes about half a second, and a gigabyte if an eighth of the free memory
// is as much. It is 0 when ctx ends before.
func bandwidth(ctx context.Context, threads int) float64 {
	_, free := memory()
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
