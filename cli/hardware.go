package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/bise-sh/bise/engine/llama"
	"github.com/bise-sh/bise/machine"
	"github.com/bise-sh/bise/models/fit"
)

// hardware is what models would run on. The speed of its memory is measured the
// first time that somebody asks, which takes about a second.
func (a *app) hardware(ctx context.Context) fit.Machine {
	h := fit.Machine{GPUs: []fit.Device{}}
	h.Memory, h.Free = machine.Memory()
	bench := a.memoryBench()
	if h.Bandwidth = bench.Known(); h.Bandwidth == 0 {
		a.progress.wait(func(int) string { return "measuring memory" })
		h.Bandwidth = bench.Bandwidth(ctx)
		a.progress.erase()
	}
	devices, _ := llama.Devices()
	for _, d := range devices {
		if d.GPU {
			h.GPUs = append(h.GPUs, fit.Device{Name: d.Description, Total: d.Total, Free: d.Free, Unified: runtime.GOOS == "darwin"})
		}
	}
	return h
}

// memoryBench remembers how fast this machine's memory is.
func (a *app) memoryBench() machine.Bench {
	return machine.Bench{Path: filepath.Join(a.places.Cache, "memory.json")}
}

// machineLine is the machine in a line.
func machineLine(h fit.Machine) string {
	parts := []string{
		fmt.Sprintf("%s memory, %s free", size(h.Memory), strings.TrimSuffix(size(h.Free), " GB")),
		plural(machine.ThisProcessor().Cores, "core"),
	}
	if len(h.GPUs) == 0 {
		return strings.Join(append(parts, "no GPU"), " · ")
	}
	for _, d := range h.GPUs {
		parts = append(parts, fmt.Sprintf("%s with %s", d.Name, size(d.Total)))
	}
	return strings.Join(parts, " · ")
}
