package scheduler

import (
	"cmp"
	"errors"
	"io/fs"
	"log/slog"
	"slices"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// admit gives slots to waiting jobs, oldest first, while they fit. A job whose prompt begins
// like one that is being prefilled waits for that.
func (s *Scheduler) admit() {
	defer func() {
		s.queued.Store(int64(len(s.waiting)))
		s.running.Store(int64(len(s.jobs)))
	}()
	for i := 0; i < len(s.waiting); {
		j := s.waiting[i]
		if s.follows(j) {
			i++
			continue
		}
		if ok, err := s.place(j); err != nil {
			s.fail(j, err)
		} else if !ok {
			if len(s.jobs) > 0 {
				return
			}
			s.fail(j, fault.Errorf(fault.Internal, "the request does not fit the idle model"))
		} else {
			s.jobs = append(s.jobs, j)
		}
		s.waiting = slices.Delete(s.waiting, i, i+1)
	}
}

// follows reports whether a job would gain by waiting for another one, which evaluates the
// same beginning.
func (s *Scheduler) follows(j *Job) bool {
	if s.x.Recurrent() || j.Seeded {
		return false
	}
	want := j.Prompt[:len(j.Prompt)-1]
	most := 0
	for _, o := range s.jobs {
		if done := int(o.done.Load()); !o.ended && o.prefilling() && !o.Seeded && (!j.Scored || o.Scored && o.Top >= j.Top) {
			if n := commonPrefix(o.Prompt, want); n > done {
				most = max(most, n)
			}
		}
	}
	if most < restoreGain {
		return false
	}
	for _, o := range s.slots {
		if o.prefix(j) > most-restoreGain {
			return false
		}
	}
	return true
}

// place finds slots and cells for a job, and the part of its prompt that is evaluated
// already. It returns false when the job has to wait for others.
func (s *Scheduler) place(j *Job) (bool, error) {
	idle := s.idle()
	if len(idle) < j.n() || len(s.jobs) > 0 && j.yielded == s.over+1 {
		return false, nil
	}
	// The largest possible need of all jobs decides whether one more fits; their likely
	// need, how large the context becomes.
	most, likely := j.reserve(), j.likely()
	for _, o := range s.jobs {
		has := o.cells() + s.o.Batch
		most += max(o.reserve(), has)
		likely += max(o.likely(), has)
	}
	if likely > s.x.Tokens() {
		s.grow(max(likely, 2*s.x.Tokens()))
	} else if n := likely + s.idleCells(s.recent); n > s.x.Tokens() {
		if n = min(max(n, 2*s.x.Tokens()), s.Bound()); s.x.HasSpare(n) {
			s.grow(n)
		}
	}
	if len(s.jobs) > 0 && (likely > s.x.Tokens() || most > s.Bound()) {
		return false, nil
	}
	if len(j.Prompt) >= s.x.Tokens() {
		return false, engine.ErrTooLong(len(j.Prompt)+1, s.x.Tokens())
	}

	j.admitted = time.Now()
	j.ahead.Store(0)
	to, from := s.reuse(j, idle)
	to.busy = true
	others := slices.DeleteFunc(idle, func(o *slot) bool { return o == to })
	for i, sampler := range j.Samplers {
		a := &answer{job: j, choice: i, slot: to, sampler: sampler, row: -1, steps: j.Steps, text: Text{Stops: j.Stops}, lookup: newLookup()}
		if i > 0 {
			a.slot = others[i-1]
			s.evict(a.slot)
			a.slot.busy = true
		}
		if j.Reader != nil {
			a.reader = j.Reader()
		}
		j.answers = append(j.answers, a)
	}
	// Make room for the prompt: idle conversations leave first.
	for s.idleCells(all)+likely > s.x.Tokens() && s.evictOldest() {
	}
	j.reused.Store(int32(from))
	j.done.Store(int32(from))
	j.out.put(engine.Progress{Done: from, Total: len(j.Prompt), Cached: from})
	s.watchdog.beat()
	return true, nil
}

// idle lists the slots without an answer in progress: empty ones first, then the least
// recently used.
func (s *Scheduler) idle() []*slot {
	var out []*slot
	for _, o := range s.slots {
		if !o.busy {
			out = append(out, o)
		}
	}
	slices.SortStableFunc(out, func(a, b *slot) int {
		return cmp.Or(cmp.Compare(min(1, len(a.tokens)), min(1, len(b.tokens))), cmp.Compare(a.used, b.used))
	})
	return out
}

// reuse finds a slot for a job's prompt that holds as much of its beginning as possible:
// from a slot, from another slot that shares its cells, or from disk. The last token is
// always evaluated, for its logits.
func (s *Scheduler) reuse(j *Job, idle []*slot) (to *slot, from int) {
	want := j.Prompt[:len(j.Prompt)-1]
	var best *slot
	for _, o := range s.slots {
		n := o.prefix(j)
		if j.Seeded {
			n = min(n, o.canonical) / s.o.Batch * s.o.Batch
		}
		if s.x.Recurrent() && (o.busy || n < len(o.tokens)) {
			n = 0 // a recurrent state cannot be rewound
		}
		if n > from || n > 0 && n == from && o.compare(best) < 0 {
			best, from = o, n
		}
	}
	s.clock++
	to = idle[0]
	switch {
	case best == nil:
		s.evict(to)
	case s.x.Recurrent():
		// Keep the state, which cannot be rewound: its last message may be written again.
		if to == best {
			to = idle[1%len(idle)]
		}
		if to != best {
			s.branch(best, to, from)
			best.used, best.aside = s.clock, true
		}
	case !best.busy && len(best.tokens)-from <= max(restoreGain, from/8):
		to = best // little of it is lost
	case to == best:
		s.saveSlot(best)
	default:
		s.branch(best, to, from)
	}
	for range 2 { // the first may just have been replaced by a longer one
		if s.o.States == nil || j.Seeded || j.Scored {
			break
		}
		e, n := s.o.States.best(want)
		if n < from+restoreGain || s.x.Recurrent() && n < len(e.tokens) || !s.hasRoom(to, len(e.tokens)) {
			break
		}
		if s.restore(to, e, &j.restore) {
			from = n
			break
		}
	}
	s.truncate(to, min(from, len(to.tokens)))
	to.used = s.clock
	return to, len(to.tokens)
}

// branch has slot to share the first n tokens of another, in place of what it holds.
func (s *Scheduler) branch(from, to *slot, n int) {
	s.evict(to)
	s.share(from, to, n)
	to.scores = slices.Clone(from.scores.first(n + 1))
	to.canonical = min(from.canonical, n)
}

// hasRoom evicts idle conversations until a slot could have n tokens, and reports whether it
// can.
func (s *Scheduler) hasRoom(o *slot, n int) bool {
	for s.cells()-(len(o.tokens)-s.shared(o))+n > s.x.Tokens() {
		if !s.evictOldestBut(o) {
			return false
		}
	}
	return true
}

// restore reads a saved conversation into a slot. On failure the slot is empty.
func (s *Scheduler) restore(to *slot, e *stateEntry, took *time.Duration) bool {
	defer s.watchdog.doing("restoring a conversation of %d tokens", len(e.tokens))()
	begin := time.Now()
	defer func() { *took = time.Since(begin) }()
	state, err := s.o.States.load(e)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			slog.Warn("saved conversation cannot be read", "err", err)
		}
		return false
	}
	s.evict(to)
	if err := s.x.LoadState(to.seq, state); err != nil || s.x.Last(to.seq) != len(e.tokens)-1 {
		slog.Warn("saved conversation cannot be used now", "err", err)
		s.clear(to)
		return false
	}
	s.hold(to, e.tokens...)
	to.saved = len(e.tokens)
	return true
}

// yield takes the youngest job's slots back, so that others can continue. It waits until
// one of them has ended. False if it has begun to answer, or is the only one.
func (s *Scheduler) yield() bool {
	last := len(s.jobs) - 1
	j := s.jobs[last]
	if last == 0 || j.generated > 0 {
		return false
	}
	for _, a := range j.answers {
		a.slot.busy, a.slot.used = false, s.clock
		if a.choice > 0 {
			s.clear(a.slot)
		}
	}
	j.answers, j.evaluated = nil, 0
	j.done.Store(0)
	j.yielded = s.over + 1
	s.jobs = s.jobs[:last]
	s.waiting = slices.Insert(s.waiting, 0, j)
	return true
}
