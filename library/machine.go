package library

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/bise-sh/bise/machine"
	"github.com/bise-sh/bise/models/fit"
	"github.com/bise-sh/bise/units"
)

// Machine measures this machine once, before this process loads a model. The first
// measurement of the memory's speed takes about a second; it is saved.
func (l *Library) Machine(ctx context.Context) fit.Machine {
	l.measuring.Lock()
	defer l.measuring.Unlock()
	if l.machine != nil {
		return *l.machine
	}
	h := fit.Machine{Cores: machine.DetectProcessor().Cores, GPUs: []fit.Device{}}
	h.Memory, h.Free = machine.Memory()
	bench := l.MemoryBench()
	if h.Bandwidth = bench.Cached(); h.Bandwidth == 0 {
		end := l.begin("measuring memory")
		h.Bandwidth = bench.Bandwidth(ctx)
		end()
	}
	if l.options.Devices != nil {
		h.GPUs = append(h.GPUs, l.options.Devices()...)
	}
	if ctx.Err() == nil { // else the measurement was cut short
		l.machine = &h
	}
	return h
}

// MemoryBench has the saved speed of this machine's memory.
func (l *Library) MemoryBench() machine.Bench {
	return machine.Bench{Path: filepath.Join(l.options.Places.Cache, "memory.json")}
}

// MachineLine describes a machine in one line.
func MachineLine(h fit.Machine) string {
	parts := []string{
		fmt.Sprintf("%s memory, %s free", units.Size(h.Memory), strings.TrimSuffix(units.Size(h.Free), " GB")),
		units.Plural(h.Cores, "core"),
	}
	if len(h.GPUs) == 0 {
		return strings.Join(append(parts, "no GPU"), " · ")
	}
	for _, d := range h.GPUs {
		parts = append(parts, fmt.Sprintf("%s with %s", d.Name, units.Size(d.Total)))
	}
	return strings.Join(parts, " · ")
}
