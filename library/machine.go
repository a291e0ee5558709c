package library

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/bise-sh/bise/machine"
	"github.com/bise-sh/bise/models/fit"
	"github.com/bise-sh/bise/units"
)

// measureAgain is the time after which a busy machine is measured again.
const measureAgain = time.Minute

// Machine measures this machine, before this process loads a model. Measuring the memory's
// speed takes about a second. The best is saved, and it is measured again for as long as
// other programs were busy every time.
func (l *Library) Machine(ctx context.Context) fit.Machine {
	l.measuring.Lock()
	defer l.measuring.Unlock()
	if l.machine != nil && (!l.machine.Busy || time.Since(l.measured) < measureAgain) {
		return *l.machine
	}
	h := fit.Machine{Cores: machine.DetectProcessor().Cores, GPUs: []fit.Device{}}
	h.Memory, h.Free = machine.Memory()
	bandwidth, quiet := l.MemoryBench().Bandwidth(ctx, func() { l.options.Progress("measuring memory") })
	l.options.Progress("")
	h.Bandwidth, h.Busy = bandwidth, !quiet
	if l.options.Devices != nil {
		h.GPUs = append(h.GPUs, l.options.Devices()...)
	}
	if ctx.Err() == nil { // else the measurement was cut short
		l.machine, l.measured = &h, time.Now()
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
		parts = append(parts, "no GPU")
	}
	for _, d := range h.GPUs {
		parts = append(parts, fmt.Sprintf("%s with %s", d.Name, units.Size(d.Total)))
	}
	if h.Busy && len(h.GPUs) == 0 {
		parts = append(parts, "speed not measured yet")
	}
	return strings.Join(parts, " · ")
}
