// Package machine measures this machine: its memory, the memory's speed, and its processor.
package machine

import (
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/cpuid/v2"
	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/mem"
)

// Memory returns the memory of the machine or of the container, and how much is available
// without swapping, in bytes; 0 if unknown.
func Memory() (total, free int64) {
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

// number reads a number from a file, 0 if there is none.
func number(path string) int64 {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	return n
}

// A Processor is a CPU.
type Processor struct {
	Name     string   `json:"name"`
	Cores    int      `json:"cores"`    // physical
	Features []string `json:"features"` // vector instructions that llama.cpp has code for
}

// DetectProcessor returns this machine's processor.
func DetectProcessor() Processor {
	p := Processor{Name: cpuid.CPU.BrandName, Features: []string{}}
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

// WidestFeature names the processor's widest vector instructions.
func (p Processor) WidestFeature() string {
	for _, name := range []string{"AMX", "VNNI"} {
		if slices.Contains(p.Features, name) {
			return "AVX-512 " + name
		}
	}
	if len(p.Features) == 0 {
		return "no vector instructions"
	}
	return p.Features[len(p.Features)-1]
}
