package scheduler

import (
	"cmp"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// compose fills the batch. Answers come first, most with one token; prompts share
// what room is left.
func (s *Scheduler) compose() bool {
	s.x.ClearBatch()
	for _, j := range s.jobs {
		j.inBatch.Store(0)
		for _, a := range j.answers {
			a.row, a.taken, a.draft = -1, 0, nil
		}
	}
	s.turn++
	lone := s.lone()
	for i := range s.jobs {
		j := s.jobs[(i+s.turn)%len(s.jobs)] // the batch may be too small for all
		if j.prefilling() {
			continue
		}
		for _, a := range j.answers {
			if a.ended {
				continue
			}
			for _, id := range a.next[:min(len(a.next), s.o.Batch-s.x.BatchLen())] {
				a.row = s.x.Add(id, len(a.slot.tokens)+a.taken, a.slot.seq, a.taken == len(a.next)-1)
				a.taken++
			}
			if a == lone && a.taken == 1 && len(a.next) == 1 {
				s.draft(a)
			}
		}
	}
	room := s.o.Batch - s.x.BatchLen()
	if s.x.BatchLen() > 0 && s.pace > 0 {
		room = min(room, max(32, int(turnTime/s.pace)))
	}
	for _, j := range s.split(room) {
		a := j.answers[0]
		done := int(j.done.Load())
		for i := done; i < done+int(j.inBatch.Load()); i++ {
			last := i == len(j.Prompt)-1
			row := s.x.Add(j.Prompt[i], i, a.slot.seq, last || j.Scored)
			if last {
				a.row = row
			}
			if i == done {
				j.firstRow = row
			}
		}
	}
	return s.x.BatchLen() > 0
}

// split sets how many prompt tokens of each job the batch takes, and returns the jobs with
// any. The oldest has half of the room, so that it is never stopped; the rest goes to the
// jobs with the fewest tokens left, so that a short prompt does not wait for a long one.
func (s *Scheduler) split(room int) []*Job {
	var prompts []*Job
	for _, j := range s.jobs {
		if !j.ended && j.left() > 0 {
			prompts = append(prompts, j)
		}
	}
	if len(prompts) == 0 {
		return nil
	}
	oldest := prompts[0]
	slices.SortStableFunc(prompts, func(a, b *Job) int { return cmp.Compare(a.left(), b.left()) })
	if left := prompts[0].left(); len(prompts) > 1 && left <= shortPrompt && time.Duration(room)*s.pace > slowBatch {
		room = min(room, max(2*left, shortPrompt))
	}
	give := func(j *Job, n int) {
		n = min(n, j.left()-int(j.inBatch.Load()))
		if s.x.Recurrent() {
			// The state before the last token of a prompt is copied, see snapshot.
			if last := len(j.Prompt) - 1; int(j.done.Load()) < last {
				n = min(n, last-int(j.done.Load())-int(j.inBatch.Load()))
			}
		}
		if j.Scored {
			n = min(n, s.x.Outputs()-int(j.inBatch.Load()))
		}
		j.inBatch.Add(int32(n))
		room -= n
	}
	give(oldest, (room+1)/2)
	for _, j := range prompts {
		give(j, room)
	}
	return slices.DeleteFunc(prompts, func(j *Job) bool { return j.inBatch.Load() == 0 })
}

// compute evaluates the batch and chooses the next tokens.
func (s *Scheduler) compute() {
	reading := 0
	s.mu.Lock()
	s.batch = s.batch[:0]
	for _, j := range s.jobs {
		n := int(j.inBatch.Load())
		reading += n
		if n > 0 || slices.ContainsFunc(j.answers, func(a *answer) bool { return a.taken > 0 }) {
			s.batch = append(s.batch, j)
		}
	}
	s.x.Interrupt(len(s.batch) > 0 && !slices.ContainsFunc(s.batch, func(o *Job) bool { return !o.cancelled.Load() }))
	s.mu.Unlock()

	done := s.watchdog.doing("computing a batch of %d tokens", s.x.BatchLen())
	s.x.Begin()
	begin := s.now()
	err := s.x.Decode()
	took := s.now().Sub(begin)
	done()

	s.mu.Lock()
	s.batch = s.batch[:0]
	s.x.Interrupt(false)
	s.mu.Unlock()

	switch {
	case errors.Is(err, ErrAborted):
		return // all callers have left; drop ends the jobs
	case errors.Is(err, ErrNoCells):
		if !s.undraft() {
			s.makeRoom()
		}
		return
	case err != nil:
		// What the memory holds is not known any more.
		slog.Error("batch not evaluated", "err", err)
		for _, j := range s.jobs {
			s.fail(j, fault.Errorf(fault.Internal, "llama.cpp cannot evaluate the batch: %w", err))
		}
		for _, o := range s.slots {
			s.clear(o)
		}
		return
	}
	s.watchdog.beat()
	if n := s.x.Nodes(); n > 0 {
		s.nodes.Store(n)
	}
	if reading > 0 {
		pace := took / time.Duration(s.x.BatchLen())
		if s.pace == 0 {
			s.pace = pace
		}
		s.pace = (3*s.pace + pace) / 4
	} else if a := s.lone(); a != nil && (s.x.BatchLen() == 1 || len(a.draft) > 0) {
		s.costs.add(s.x.BatchLen(), took)
	}
	alone := s.x.BatchLen() == s.o.Batch && len(s.jobs) == 1
	for _, j := range s.jobs {
		if n := int(j.inBatch.Load()); n > 0 {
			s.advance(j, n, alone)
			continue
		}
		for _, a := range j.answers {
			if a.taken == 0 {
				continue
			}
			s.hold(a.slot, a.next[:a.taken]...)
			a.next = slices.Delete(a.next, 0, a.taken)
			if s.x.BatchLen() > 1 && len(a.draft) == 0 {
				a.lookup.singles = 0
			} else {
				a.lookup.singles++
			}
			if len(a.next) == 0 {
				single := s.singleRow(a)
				s.choose(a)
				s.verify(a)
				if single != nil {
					s.probe(a, single)
				}
			}
		}
	}
	for _, j := range s.jobs {
		s.finish(j)
	}
	s.cells()
}

// advance records that n more tokens of a prompt are evaluated. After the last
// one the answers begin, all from the same logits.
func (s *Scheduler) advance(j *Job, n int, alone bool) {
	done := int(j.done.Load())
	o := j.answers[0].slot
	if alone && o.canonical == done {
		o.canonical += n
	}
	if j.Scored {
		s.score(j, o, done, n)
	}
	j.inBatch.Store(0)
	s.evaluated(j, n)
	if j.prefilling() {
		if s.x.Recurrent() && done+n == len(j.Prompt)-1 {
			s.snapshot(o)
		}
		return
	}
	j.prefilled = time.Now()
	for _, a := range j.answers[1:] {
		s.share(o, a.slot, len(o.tokens))
		a.row = j.answers[0].row
	}
	if j.LeftOut != nil {
		j.out.put(*j.LeftOut)
	}
	if j.Scored {
		s.emitScores(j, o)
	}
	for _, a := range j.answers {
		switch {
		case j.Max == 0: // only to have the prompt at hand
			s.end(a, engine.FinishLength)
		case len(a.steps) > 0 && len(a.steps[0].Force) > 0:
			s.force(a) // what the model would begin with does not matter
		default:
			s.choose(a)
		}
	}
}

// evaluated records that n more tokens of a prompt are in memory.
func (s *Scheduler) evaluated(j *Job, n int) {
	done := int(j.done.Load())
	s.hold(j.answers[0].slot, j.Prompt[done:done+n]...)
	j.evaluated += n
	j.done.Store(int32(done + n))
	j.out.put(engine.Progress{Done: done + n, Total: len(j.Prompt), Cached: j.cachedNow()})
}

// snapshot copies the state of a recurrent model before the last token of a prompt into a
// separate slot. Such a state cannot be rewound: without the copy, the same prompt would
// be evaluated again from its beginning.
func (s *Scheduler) snapshot(o *slot) {
	idle := s.idle()
	if len(idle) == 0 {
		return
	}
	to := idle[0]
	s.evict(to)
	s.share(o, to, len(o.tokens))
	to.used, to.aside = s.clock, true
}

// evaluateImage evaluates a batch of an image that is next in a prompt. It reports
// whether there was one.
func (s *Scheduler) evaluateImage() bool {
	for _, j := range s.jobs {
		done := int(j.done.Load())
		for _, p := range j.Images {
			at, n := p.Place()
			if j.ended || done < at || done >= at+n {
				continue
			}
			if err := s.evaluatePart(j, p, done-at, n); err != nil {
				s.fail(j, err)
			}
			s.cells()
			return true
		}
	}
	return false
}

func (s *Scheduler) evaluatePart(j *Job, p Image, from, n int) error {
	defer s.watchdog.doing("evaluating an image of %d tokens", n)()
	n = min(n-from, s.o.Batch)
	for {
		err := s.x.DecodeImage(p, from, n, j.answers[0].slot.seq)
		if errors.Is(err, ErrNoCells) && (s.evictOldest() || s.grow(2*s.x.Tokens())) {
			continue
		}
		if err != nil {
			return err
		}
		break
	}
	s.evaluated(j, n)
	s.watchdog.beat()
	return nil
}
