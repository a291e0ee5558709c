package library

import (
	"context"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/footprint"
	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/machine"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/units"
)

const (
	// memoryShare is how much of the machine's memory models may have together by default.
	memoryShare = 0.9
	// roomEvery is how often a request that waits for busy models checks them again.
	roomEvery = 200 * time.Millisecond
)

// workers are the processes that hold models.
type workers interface {
	list(ctx context.Context) ([]worker.Status, error)
	stop(ctx context.Context, path string) error
}

type realWorkers struct{}

func (realWorkers) list(ctx context.Context) ([]worker.Status, error) { return worker.List(ctx) }

func (realWorkers) stop(ctx context.Context, path string) error {
	_, err := worker.Stop(ctx, stopGrace, func(s worker.Status) bool { return s.Path == path })
	return err
}

// makeRoom stops the least recently used idle models until one more fits into the memory. It
// waits for busy ones.
func (p *Pool) makeRoom(ctx context.Context, m models.Model) error {
	budget := p.budget()
	for {
		list, err := p.workers.list(ctx)
		if err != nil {
			return err
		}
		used, busy := p.facts(m).bytes, false
		var victim *worker.Status
		for i, s := range list {
			if s.Path == m.Path {
				return nil
			}
			used += p.memoryOf(s)
			switch {
			case s.State != worker.Idle:
				busy = true
			case victim == nil || p.leavesBefore(s, *victim):
				victim = &list[i]
			}
		}
		switch {
		case used <= budget, victim == nil && !busy:
			return nil // if it does not fit alone, the engine says so
		case victim != nil:
			if err := p.workers.stop(ctx, victim.Path); err != nil {
				return err
			}
			p.mu.Lock()
			delete(p.used, victim.Path)
			p.mu.Unlock()
			continue
		}
		select {
		case <-ctx.Done():
			return fault.Advise(
				fault.Errorf(fault.Busy, "no room for %s: the models in memory are busy, and with it they need %s of %s", m.Name, units.Size(used), units.Size(budget)),
				"Try again later, or allow more with --memory.")
		case <-time.After(roomEvery):
		}
	}
}

// leavesBefore reports whether a model leaves rather than another one.
func (p *Pool) leavesBefore(a, b worker.Status) bool {
	if forever := a.KeepAlive < 0; forever != (b.KeepAlive < 0) {
		return !forever
	}
	return p.lastUse(a).Before(p.lastUse(b))
}

// lastUse is when a model was used, as far as this server knows.
func (p *Pool) lastUse(s worker.Status) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at, ok := p.used[s.Path]; ok {
		return at
	}
	if !s.LeavesAt.IsZero() && s.KeepAlive > 0 {
		return s.LeavesAt.Add(-s.KeepAlive)
	}
	return s.Started
}

// memoryOf is the memory of a worker: what it will need, or has already.
func (p *Pool) memoryOf(s worker.Status) int64 {
	m := models.Model{Name: s.Name, Path: s.Path}
	return max(s.Memory, p.facts(m).bytes)
}

func (p *Pool) budget() int64 {
	if p.options.Memory > 0 {
		return p.options.Memory
	}
	total, _ := machine.Memory()
	if p.library.options.Devices != nil {
		for _, d := range p.library.options.Devices() {
			if !d.Unified {
				total += d.Total
			}
		}
	}
	if total <= 0 {
		return 1 << 62 // not known
	}
	return int64(memoryShare * float64(total))
}

// facts reads the header of a model file.
func (l *Library) facts(m models.Model, o engine.LoadOptions) facts {
	file, err := readHeader(m)
	if err != nil {
		return facts{}
	}
	f := facts{can: capabilitiesOf(m, file), about: file.Summary()}
	f.context = f.about.Context
	start := footprint.Context
	if f.context > 0 {
		start = min(start, f.context)
	}
	f.bytes = footprint.Of(file, o).At(start)
	for _, part := range m.Files {
		if part.Role == models.Projector {
			f.bytes += part.Size
		}
	}
	return f
}
