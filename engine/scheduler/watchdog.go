package scheduler

import (
	"cmp"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// watchdog looks at a scheduler that has jobs from another goroutine. When nothing progresses
// for long, the log says what the scheduler does: such a state is hard to find afterwards.
type watchdog struct {
	mu     sync.Mutex
	what   string // that the scheduler does now, "" between
	beats  atomic.Int64
	asked  atomic.Bool // the scheduler shall describe its state
	logged func()      // called after a report, for tests
}

const (
	defaultPatience = 20 * time.Second
	watchEvery      = 5 * time.Second
)

// beat records progress: tokens were evaluated, or a job began or ended.
func (w *watchdog) beat() { w.beats.Add(1) }

// doing records what the scheduler does until the function that it returns is called.
func (w *watchdog) doing(format string, args ...any) func() {
	set := func(what string) {
		w.mu.Lock()
		w.what = what
		w.mu.Unlock()
	}
	set(fmt.Sprintf(format, args...))
	return func() { set("") }
}

// watch starts the watchdog and returns what stops it.
func (s *Scheduler) watch() (stop func()) {
	stopped := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		patience := cmp.Or(s.o.Patience, defaultPatience)
		tick := time.NewTicker(min(watchEvery, patience))
		defer tick.Stop()
		var beats, nodes int64
		since := time.Now()
		for {
			select {
			case <-stopped:
				return
			case <-tick.C:
			}
			b, n := s.watchdog.beats.Load(), s.x.Nodes()
			s.mu.Lock()
			jobs := len(s.incoming) + int(s.queued.Load()+s.running.Load())
			s.mu.Unlock()
			if b != beats || n != nodes || jobs == 0 {
				beats, nodes, since = b, n, time.Now()
				continue
			}
			if time.Since(since) >= patience {
				s.report(time.Since(since))
				since = time.Now()
			}
		}
	})
	return func() { close(stopped); running.Wait() }
}

// report logs what a scheduler without progress does.
func (s *Scheduler) report(d time.Duration) {
	w := &s.watchdog
	w.mu.Lock()
	what := w.what
	w.mu.Unlock()
	s.mu.Lock()
	arrived := len(s.incoming)
	s.mu.Unlock()
	slog.Warn("requests wait without progress", "for", d.Round(time.Second), "scheduler", cmp.Or(what, "between batches"),
		"arrived", arrived, "waiting", s.queued.Load(), "running", s.running.Load(), "nodes", s.x.Nodes(), "of", s.nodes.Load())
	w.asked.Store(true)
	s.signal()
	if w.logged != nil {
		w.logged()
	}
}

// answer logs the state of the scheduler if the watchdog asked for it. If this line is
// missing after a report, the scheduler's goroutine does not come back from what it does.
func (w *watchdog) answer(s *Scheduler) {
	if !w.asked.CompareAndSwap(true, false) {
		return
	}
	var slots, jobs []string
	for _, o := range s.slots {
		if o.busy || len(o.tokens) > 0 {
			slots = append(slots, fmt.Sprintf("%d: %d tokens, %d shared, %d saved, busy %v", o.seq, len(o.tokens), s.shared(o), o.saved, o.busy))
		}
	}
	for i, j := range append(s.jobs[:len(s.jobs):len(s.jobs)], s.waiting...) {
		jobs = append(jobs, fmt.Sprintf("%d of %d prompt tokens, %d generated, admitted %v, cancelled %v, yielded %v",
			j.done.Load(), len(j.Prompt), j.generated, i < len(s.jobs), j.cancelled.Load(), j.yielded > 0))
	}
	slog.Warn("state of the scheduler", "context", s.x.Tokens(), "limit", s.Bound(), "cells", s.cells(), "clock", s.clock, "blocked", s.blocked, "builds", s.builds,
		"slots", strings.Join(slots, "; "), "jobs", strings.Join(jobs, "; "))
}
