package scheduler

import (
	"log/slog"
	"slices"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// truncate keeps the first n tokens of a slot, or none if its memory cannot be truncated.
func (s *Scheduler) truncate(o *slot, n int) {
	if n >= len(o.tokens) {
		return
	}
	if !s.x.Remove(o.seq, n, -1) {
		s.clear(o)
		return
	}
	s.ledger.drop(o.cells[n:])
	o.tokens, o.cells, o.scores = o.tokens[:n], o.cells[:n], o.scores.first(n+1)
	o.canonical, o.saved = min(o.canonical, n), min(o.saved, n)
}

func (s *Scheduler) clear(o *slot) {
	s.x.Remove(o.seq, -1, -1)
	s.ledger.drop(o.cells)
	o.tokens, o.cells, o.scores, o.canonical, o.saved, o.aside = nil, nil, nil, 0, 0, false
}

// evict empties a slot, saving its conversation first.
func (s *Scheduler) evict(o *slot) {
	s.saveSlot(o)
	s.clear(o)
}

func (s *Scheduler) evictOldest() bool { return s.evictOldestBut(nil) }

// evictOldestBut evicts the least recently used conversation other than keep.
func (s *Scheduler) evictOldestBut(keep *slot) bool {
	for _, o := range s.idle() {
		if o != keep && len(o.tokens) > 0 {
			s.evict(o)
			return true
		}
	}
	return false
}

// saveAll saves all conversations, however long that takes.
func (s *Scheduler) saveAll() {
	for _, o := range s.slots {
		if s.o.States != nil {
			s.o.States.wait()
		}
		s.saveSlot(o)
	}
}

// saveNext saves one idle conversation. The next one is saved if no request has arrived
// meanwhile.
func (s *Scheduler) saveNext() {
	if i := slices.IndexFunc(s.slots, s.unsaved); i >= 0 {
		s.saveSlot(s.slots[i])
	}
}

// unsaved reports whether a slot has an idle conversation that is worth a file.
func (s *Scheduler) unsaved(o *slot) bool {
	return s.o.States != nil && !o.busy && !o.aside && len(o.tokens) >= stateMinTokens && o.saved != len(o.tokens)
}

// saveSlot saves a conversation, unless the disk is too slow: requests do not wait for it.
func (s *Scheduler) saveSlot(o *slot) {
	if !s.unsaved(o) || s.o.States.full() {
		return
	}
	if e, n := s.o.States.best(o.tokens); e != nil && n == len(o.tokens) {
		o.saved = n // as part of a longer one
		return
	}
	defer s.watchdog.doing("saving a conversation of %d tokens", len(o.tokens))()
	state, err := s.x.SaveState(o.seq)
	o.saved = len(o.tokens) // or cannot be
	if err != nil {
		slog.Warn("conversation not saved", "err", err)
		return
	}
	s.o.States.save(o.tokens, state)
}

// cells returns the number of cells in use.
func (s *Scheduler) cells() int {
	n := s.ledger.used()
	s.held.Store(int64(n))
	return n
}

// recent reports whether an idle conversation probably continues: fewer than recentJobs
// requests came after its last answer.
func (s *Scheduler) recent(o *slot) bool { return s.clock-o.used < recentJobs }

func all(*slot) bool { return true }

// grow replaces the context by one of up to tokens, which takes over all sequences. If
// the larger one cannot be made, grow does not try again.
func (s *Scheduler) grow(tokens int) bool {
	old := s.x.Tokens()
	tokens = min(tokens, s.Bound())
	if tokens <= old || !s.x.CanResize(tokens) {
		return false
	}
	defer s.watchdog.doing("growing the context from %d to %d tokens", old, tokens)()
	var carried []carry
	for _, o := range s.slots {
		if len(o.tokens) == 0 {
			continue
		}
		c := carry{slot: o, tokens: o.tokens, shared: s.shared(o)}
		if c.from = c.sharedWith(carried); c.from == nil {
			state, err := s.x.SaveState(o.seq)
			if err != nil {
				slog.Warn("context not grown", "err", err)
				return false
			}
			c.state = state
		}
		carried = append(carried, c)
	}
	for _, c := range carried { // the context forgets them
		s.ledger.drop(c.slot.cells)
		c.slot.tokens, c.slot.cells = nil, nil
	}
	failed := s.x.Resize(tokens)
	if failed != nil {
		slog.Warn("context not grown", "tokens", tokens, "err", failed)
		s.limit.Store(int64(old))
	}
	s.capacity.Store(int64(s.x.Tokens()))
	for _, c := range carried {
		if err := s.takeOver(c); err != nil {
			slog.Warn("conversation lost in growing the context", "err", err)
			s.lose(c.slot)
		}
	}
	return failed == nil
}

// A carry is a sequence on its way into a new context: its state, or the slot whose cells
// it shares.
type carry struct {
	slot, from *slot
	tokens     []Token
	shared     int
	state      []byte
}

// sharedWith finds a slot that shares its beginning, so that only the rest is evaluated
// again. Copied separately, each answer to one prompt would take the prompt's cells again.
func (c *carry) sharedWith(carried []carry) *slot {
	if c.shared == 0 || slices.ContainsFunc(c.tokens[c.shared:], func(id Token) bool { return id < 0 }) {
		return nil
	}
	for _, o := range carried {
		if commonPrefix(o.tokens, c.tokens) >= c.shared {
			return o.slot
		}
	}
	return nil
}

func (s *Scheduler) takeOver(c carry) error {
	o := c.slot
	if c.from == nil {
		if err := s.x.LoadState(o.seq, c.state); err != nil {
			return err
		}
		s.hold(o, c.tokens...)
		return nil
	}
	n := min(c.shared, len(c.from.tokens)) // it may be lost
	s.share(c.from, o, n)
	for n < len(c.tokens) {
		s.x.ClearBatch()
		begin := n
		for ; n < len(c.tokens) && s.x.BatchLen() < s.o.Batch; n++ {
			s.x.Add(c.tokens[n], n, o.seq, false)
		}
		if err := s.x.Decode(); err != nil {
			return err
		}
		s.hold(o, c.tokens[begin:n]...)
	}
	return nil
}

// lose empties a slot whose cells are gone; the answers written in it end.
func (s *Scheduler) lose(o *slot) {
	s.clear(o)
	for _, j := range s.jobs {
		for _, a := range j.answers {
			if a.slot == o && !a.ended {
				s.fail(j, fault.Errorf(fault.Internal, "the conversation was lost when the context grew"))
				break
			}
		}
	}
}

// makeRoom is called when the cells do not suffice: idle conversations go, the
// context grows, and at last the youngest job yields or ends.
func (s *Scheduler) makeRoom() {
	if s.evictOldest() || s.grow(2*s.x.Tokens()) || s.yield() {
		return
	}
	j := s.jobs[len(s.jobs)-1]
	if j.prefilling() {
		s.fail(j, engine.ErrTooLong(len(j.Prompt)+1, s.x.Tokens()))
	} else {
		for _, a := range j.answers {
			if !a.ended {
				s.end(a, engine.FinishModelLength)
			}
		}
		s.finish(j)
	}
	s.jobs = slices.DeleteFunc(s.jobs, func(j *Job) bool { return j.ended })
}
