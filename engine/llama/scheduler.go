//go:build cgo

package llama

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// scheduler is the goroutine that owns the context, with its state. Each turn of its loop
// collects new requests, composes a batch of the next tokens of all answers and of prompts
// to prefill, evaluates it, and samples the next token of each answer. So requests join
// and leave between batches.
type scheduler struct {
	m       *model
	x       *lctx
	params  contextParams
	limit   atomic.Int64 // tokens the context may grow to
	fit     fit
	pool    pool
	watch   *watch
	lora    []loadedAdapter
	states  *stateStore // nil: conversations are not saved
	pieces  pieces
	encoder *visionEncoder // nil: the model has no vision

	contention *contention // nil with a GPU
	computing  int         // threads

	slots   []*slot
	waiting []*job
	jobs    []*job // admitted, oldest first
	clock   int64
	pace    time.Duration // average prefill time of one prompt token
	rested  bool          // idle conversations are saved

	mu       sync.Mutex
	incoming []*job
	calls    []func()
	batch    []*job // whose tokens are being computed
	closed   bool
	wake     chan struct{}
	stopped  chan struct{}

	queued   atomic.Int64 // jobs without a slot
	nodes    atomic.Int64 // graph nodes of a batch, as last counted
	held     atomic.Int64 // tokens in memory
	capacity atomic.Int64 // tokens that fit
}

const (
	// restAfter is how long nothing must happen before idle conversations are saved.
	restAfter = 2 * time.Second
	// turnTime is how long a batch may take while answers wait for their next token.
	turnTime = 250 * time.Millisecond
	// restoreGain is how many tokens a saved state must spare to be read.
	restoreGain = 64
	// recentJobs is how many requests a conversation stays in memory for if there is enough:
	// programs that work with several conversations take turns in them.
	recentJobs = 4
)

func (s *scheduler) start() {
	s.wake = make(chan struct{}, 1)
	s.stopped = make(chan struct{})
	for i := range s.params.slots {
		s.slots = append(s.slots, &slot{seq: i})
	}
	s.capacity.Store(int64(s.x.tokens()))
	go s.run()
}

// maxWaiting is how many jobs may wait for a slot.
const maxWaiting = 256

// submit queues a job. It fails when the engine is closed or the queue is full.
func (s *scheduler) submit(j *job) error {
	busy := false
	err := s.enter(func() {
		if busy = s.queued.Load() >= maxWaiting; !busy {
			s.queued.Add(1)
			s.incoming = append(s.incoming, j)
		}
	})
	if busy {
		return &fault.Error{Kind: fault.Busy, Msg: fmt.Sprintf("the queue is full: %d requests are waiting", maxWaiting), Advice: "Try again later."}
	}
	return err
}

// call runs f on the goroutine that owns the context, between batches, and
// returns when it is done.
func (s *scheduler) call(f func()) error {
	done := make(chan struct{})
	err := s.enter(func() {
		s.calls = append(s.calls, func() { defer close(done); f() })
	})
	if err == nil {
		<-done
	}
	return err
}

func (s *scheduler) enter(add func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed()
	}
	add()
	s.signal()
	return nil
}

func (s *scheduler) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// close lets admitted jobs finish, rejects the others, and waits for the end.
func (s *scheduler) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.signal()
	<-s.stopped
}

// cancel requests the end of a job. If no other job is in the batch being computed, the
// batch stops too.
func (s *scheduler) cancel(j *job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j.cancelled.Store(true)
	if len(s.batch) > 0 && !slices.ContainsFunc(s.batch, func(o *job) bool { return !o.cancelled.Load() }) {
		s.watch.cancel(true)
	}
	s.signal()
}

// progress returns the prefill progress of a job.
func (s *scheduler) progress(j *job) engine.Progress {
	done := int(j.done.Load())
	if total, in := s.nodes.Load(), int64(j.inBatch.Load()); total > 0 && in > 0 {
		done += int(in * min(s.watch.nodes(), total) / total)
	}
	return engine.Progress{
		Done: min(done, len(j.prompt)), Total: len(j.prompt),
		Cached: j.cachedNow(), Queued: int(j.ahead.Load()),
	}
}

func (s *scheduler) run() {
	defer close(s.stopped)
	for s.gather() {
		s.drop()
		s.admit()
		if s.evaluateImage() {
			continue
		}
		if s.compose() {
			s.compute()
		}
	}
	s.save()
}

// gather collects new calls and jobs, and waits for them if there is no other work. It
// returns false when the engine is closed and all answers are written.
func (s *scheduler) gather() bool {
	for {
		s.mu.Lock()
		s.waiting = append(s.waiting, s.incoming...)
		s.incoming = nil
		s.queued.Store(int64(len(s.waiting)))
		calls := s.calls
		s.calls = nil
		closed := s.closed
		s.mu.Unlock()
		for _, f := range calls {
			f()
		}
		if closed {
			for _, j := range s.waiting {
				s.fail(j, errClosed())
			}
			s.waiting = nil
			if len(s.jobs) == 0 && len(calls) == 0 {
				return false
			}
		}
		if len(s.jobs)+len(s.waiting) > 0 {
			s.rested = false
			return true
		}
		if closed || len(calls) > 0 {
			continue
		}
		var rest <-chan time.Time
		if !s.rested && s.states != nil {
			rest = time.After(restAfter)
		}
		select {
		case <-s.wake:
		case <-rest:
			s.save()
			s.rested = true
		}
	}
}

// drop ends cancelled jobs.
func (s *scheduler) drop() {
	for _, j := range slices.Concat(s.jobs, s.waiting) {
		if j.cancelled.Load() {
			s.fail(j, context.Canceled) // the reader reports the cause of its context
		}
	}
	gone := func(j *job) bool { return j.ended }
	s.jobs = slices.DeleteFunc(s.jobs, gone)
	s.waiting = slices.DeleteFunc(s.waiting, gone)
	for i, j := range s.waiting {
		j.ahead.Store(int32(len(s.jobs) + i))
	}
}

// admit gives slots to waiting jobs, oldest first, while they fit.
func (s *scheduler) admit() {
	for len(s.waiting) > 0 {
		j := s.waiting[0]
		if ok, err := s.place(j); err != nil {
			s.fail(j, err)
		} else if !ok {
			return
		} else {
			s.jobs = append(s.jobs, j)
		}
		s.waiting = s.waiting[1:]
	}
}

// place finds slots and cells for a job, and the part of its prompt that is evaluated
// already. It returns false when the job has to wait for others.
func (s *scheduler) place(j *job) (bool, error) {
	idle := s.idle()
	if len(idle) < j.n {
		return false, nil
	}
	// The largest possible need of all jobs decides whether one more fits; their likely
	// need, how large the context becomes.
	most, likely := j.reserve(), j.likely()
	for _, o := range s.jobs {
		has := o.cells() + s.params.batch
		most += max(o.reserve(), has)
		likely += max(o.likely(), has)
	}
	if likely > s.x.tokens() {
		s.grow(max(likely, 2*s.x.tokens()))
	} else if n := likely + s.recentCells(); n > s.x.tokens() {
		if n = min(max(n, 2*s.x.tokens()), s.bound()); s.hasSpare(n) {
			s.grow(n)
		}
	}
	if len(s.jobs) > 0 && (likely > s.x.tokens() || most > s.bound()) {
		return false, nil
	}
	if len(j.prompt) >= s.x.tokens() {
		return false, engine.ErrTooLong(len(j.prompt)+1, s.x.tokens())
	}

	j.admitted = time.Now()
	j.ahead.Store(0)
	to, from := s.reuse(j, idle)
	to.busy = true
	others := slices.DeleteFunc(idle, func(o *slot) bool { return o == to })
	for i := range j.n {
		a := &answer{job: j, choice: i, slot: to, row: -1, steps: j.steps, text: text{stops: j.stops}}
		if i > 0 {
			a.slot = others[i-1]
			s.evict(a.slot)
			a.slot.busy = true
		}
		if j.reader != nil {
			a.reader = j.reader()
		}
		p := j.sampling
		p.seed += uint32(i)
		if len(a.steps) > 0 {
			p.grammar = a.steps[0].grammar
		}
		sampler, err := newSampler(s.m, p)
		if err != nil {
			for _, b := range j.answers {
				b.sampler.free()
			}
			j.answers = nil
			to.busy, a.slot.busy = false, false
			for _, o := range others[:i] {
				o.busy = false
			}
			return false, &fault.Error{Kind: fault.Invalid, Param: "grammar", Msg: "the grammar cannot be used: " + err.Error()}
		}
		a.sampler = sampler
		if j.sampling.remembersPrompt() {
			for _, id := range j.prompt[max(0, len(j.prompt)-j.sampling.lookBack()):] {
				if id >= 0 {
					sampler.accept(id)
				}
			}
		}
		j.answers = append(j.answers, a)
	}
	// Make room for the prompt: idle conversations leave first.
	for s.idleCells()+likely > s.x.tokens() && s.evictOldest() {
	}
	j.reused.Store(int32(from))
	j.done.Store(int32(from))
	j.out.put(engine.Progress{Done: from, Total: len(j.prompt), Cached: from})
	return true, nil
}

// idle lists the slots without an answer in progress: empty ones first, then the least
// recently used.
func (s *scheduler) idle() []*slot {
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
func (s *scheduler) reuse(j *job, idle []*slot) (to *slot, from int) {
	want := j.prompt[:len(j.prompt)-1]
	var best *slot
	for _, o := range s.slots {
		n := commonPrefix(o.tokens, want)
		if j.scored {
			n = min(n, o.scores.known(j)-1)
		}
		if s.m.recurrent && (o.busy || n < len(o.tokens)) {
			n = 0 // a recurrent state cannot be rewound
		}
		if j.seeded {
			n = min(n, o.canonical) / s.params.batch * s.params.batch
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
	case s.m.recurrent:
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
	if s.states != nil && !j.seeded && !j.scored {
		if e, n := s.states.best(want); n >= from+restoreGain && (!s.m.recurrent || n == len(e.tokens)) {
			if s.restore(to, e, &j.restore) {
				from = n
			} else {
				from = 0
			}
		}
	}
	s.truncate(to, from)
	to.used = s.clock
	return to, len(to.tokens)
}

// branch has slot to share the first n tokens of another, in place of what it holds.
func (s *scheduler) branch(from, to *slot, n int) {
	s.evict(to)
	s.x.share(from.seq, to.seq, n)
	to.tokens = slices.Clone(from.tokens[:n])
	to.scores = slices.Clone(from.scores.first(n + 1))
	to.canonical = min(from.canonical, n)
	to.shared = n
}

// restore reads a saved conversation into a slot. On failure the slot is empty.
func (s *scheduler) restore(to *slot, e *stateEntry, took *time.Duration) bool {
	begin := time.Now()
	defer func() { *took = time.Since(begin) }()
	s.evict(to)
	if len(e.tokens) > s.x.tokens() {
		return false
	}
	for s.cells()+len(e.tokens) > s.x.tokens() && s.evictOldestBut(to) {
	}
	state, err := s.states.load(e)
	if err == nil {
		err = s.x.loadState(to.seq, state)
	}
	if err != nil || s.x.last(to.seq) != len(e.tokens)-1 {
		slog.Warn("saved conversation cannot be used", "err", err)
		s.states.drop(e)
		s.clear(to)
		return false
	}
	to.tokens = slices.Clone(e.tokens)
	to.canonical, to.shared, to.saved = 0, 0, len(e.tokens)
	return true
}

// truncate keeps the first n tokens of a slot, or none if its memory cannot be truncated.
func (s *scheduler) truncate(o *slot, n int) {
	if n >= len(o.tokens) {
		return
	}
	if !s.x.remove(o.seq, n, -1) {
		s.clear(o)
		return
	}
	o.tokens, o.scores = o.tokens[:n], o.scores.first(n+1)
	o.canonical, o.shared, o.saved = min(o.canonical, n), min(o.shared, n), min(o.saved, n)
}

func (s *scheduler) clear(o *slot) {
	s.x.remove(o.seq, -1, -1)
	o.tokens, o.scores, o.canonical, o.shared, o.saved, o.aside = nil, nil, 0, 0, 0, false
}

// evict empties a slot, saving its conversation first.
func (s *scheduler) evict(o *slot) {
	s.saveSlot(o)
	s.clear(o)
}

func (s *scheduler) evictOldest() bool { return s.evictOldestBut(nil) }

// evictOldestBut evicts the least recently used conversation other than keep.
func (s *scheduler) evictOldestBut(keep *slot) bool {
	for _, o := range s.idle() {
		if o != keep && len(o.tokens) > 0 {
			s.evict(o)
			return true
		}
	}
	return false
}

// save saves all idle conversations.
func (s *scheduler) save() {
	for _, o := range s.slots {
		if !o.busy {
			s.saveSlot(o)
		}
	}
}

func (s *scheduler) saveSlot(o *slot) {
	if s.states == nil || o.aside || len(o.tokens) < stateMinTokens || o.saved == len(o.tokens) {
		return
	}
	if e, n := s.states.best(o.tokens); e != nil && n == len(o.tokens) {
		o.saved = n // as part of a longer one
		return
	}
	state, err := s.x.saveState(o.seq)
	if err != nil {
		slog.Warn("conversation not saved", "err", err)
		return
	}
	s.states.save(o.tokens, state)
	o.saved = len(o.tokens)
}

// cells returns the number of cells in use.
func (s *scheduler) cells() int {
	n := 0
	for _, o := range s.slots {
		n += len(o.tokens) - o.shared
	}
	s.held.Store(int64(n))
	return n
}

// idleCells is the number of cells held by idle conversations.
func (s *scheduler) idleCells() int {
	n := 0
	for _, o := range s.idle() {
		n += len(o.tokens) - o.shared
	}
	return n
}

// recentCells is the number of cells held by idle conversations that probably continue: fewer
// than recentJobs requests came after their last answer.
func (s *scheduler) recentCells() int {
	n := 0
	for _, o := range s.idle() {
		if s.clock-o.used < recentJobs {
			n += len(o.tokens) - o.shared
		}
	}
	return n
}

// bound is the largest context in tokens, as far as is known.
func (s *scheduler) bound() int { return int(s.limit.Load()) }

// grow replaces the context by one of up to tokens, which takes over all sequences. If
// memory does not allow it, the context stays and grow does not try again.
func (s *scheduler) grow(tokens int) bool {
	old := s.x.tokens()
	tokens = min(tokens, s.bound())
	if tokens <= old {
		return false
	}
	if !s.fitsMemory(old, tokens) {
		s.limit.Store(int64(old))
		return false
	}
	var carried []carry
	for _, o := range s.slots {
		if len(o.tokens) == 0 {
			continue
		}
		c := carry{slot: o}
		if c.from = sharedWith(o, carried); c.from == nil {
			state, err := s.x.saveState(o.seq)
			if err != nil {
				slog.Warn("context not grown", "err", err)
				return false
			}
			c.state = state
		}
		carried = append(carried, c)
	}
	s.x.free()
	s.params.tokens = tokens
	x, failed := s.open()
	if failed != nil {
		slog.Warn("context not grown", "tokens", tokens, "err", failed)
		s.limit.Store(int64(old))
		s.params.tokens = old
		var err error
		if x, err = s.open(); err != nil {
			// The restored state is required.
			panic("llama: the context cannot be opened again: " + err.Error())
		}
	}
	s.x = x
	s.capacity.Store(int64(x.tokens()))
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
	state      []byte
}

// sharedWith finds a slot that shares its beginning with o, so that only the rest of o is
// evaluated again. Copied separately, each answer to one prompt would take the prompt's
// cells again.
func sharedWith(o *slot, carried []carry) *slot {
	if o.shared == 0 || slices.ContainsFunc(o.tokens[o.shared:], func(id token) bool { return id < 0 }) {
		return nil
	}
	for _, c := range carried {
		if commonPrefix(c.slot.tokens, o.tokens) >= o.shared {
			return c.slot
		}
	}
	return nil
}

func (s *scheduler) takeOver(c carry) error {
	o := c.slot
	if c.from == nil {
		o.shared = 0
		return s.x.loadState(o.seq, c.state)
	}
	s.x.share(c.from.seq, o.seq, o.shared)
	return s.x.fill(o.tokens, o.shared, o.seq, false)
}

// lose empties a slot whose cells are gone; the answers written in it end.
func (s *scheduler) lose(o *slot) {
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

func (s *scheduler) open() (*lctx, error) {
	x, err := newContext(s.m, s.params, s.watch)
	if err != nil {
		return nil, err
	}
	s.pool.attach(x)
	if s.computing != s.params.threads {
		x.setThreads(s.computing)
	}
	for _, a := range s.lora {
		if err := x.setAdapter(a.adapter, a.scale); err != nil {
			x.free()
			return nil, err
		}
	}
	return x, nil
}

// compose fills the batch. Answers come first, most with one token; prompts take
// what room is left, oldest first.
func (s *scheduler) compose() bool {
	s.x.clearBatch()
	writing := false
	for _, j := range s.jobs {
		for _, a := range j.answers {
			a.row = -1
			if !a.ended && !j.prefilling() {
				for i, id := range a.next {
					a.row = s.x.add(id, len(a.slot.tokens)+i, a.slot.seq, i == len(a.next)-1)
				}
				writing = true
			}
		}
	}
	room := s.params.batch - s.x.batchLen()
	if writing && s.pace > 0 {
		room = min(room, max(32, int(turnTime/s.pace)))
	}
	for _, j := range s.jobs {
		j.inBatch.Store(0)
		done := int(j.done.Load())
		n := min(room, j.untilImage(done)-done)
		if j.ended {
			n = 0
		}
		if s.m.recurrent && done < len(j.prompt)-1 {
			n = min(n, len(j.prompt)-1-done) // see snapshot
		}
		if j.scored {
			n = min(n, s.outputs())
		}
		if n <= 0 {
			continue
		}
		a := j.answers[0]
		for i := done; i < done+n; i++ {
			last := i == len(j.prompt)-1
			row := s.x.add(j.prompt[i], i, a.slot.seq, last || j.scored)
			if last {
				a.row = row
			}
			if i == done {
				j.firstRow = row
			}
		}
		j.inBatch.Store(int32(n))
		room -= n
	}
	return s.x.batchLen() > 0
}

// compute evaluates the batch and chooses the next tokens.
func (s *scheduler) compute() {
	reading := 0
	s.mu.Lock()
	s.batch = s.batch[:0]
	for _, j := range s.jobs {
		reading += int(j.inBatch.Load())
		if j.inBatch.Load() > 0 || !j.prefilling() {
			s.batch = append(s.batch, j)
		}
	}
	s.watch.cancel(len(s.batch) > 0 && !slices.ContainsFunc(s.batch, func(o *job) bool { return !o.cancelled.Load() }))
	s.mu.Unlock()

	s.watch.begin()
	begin := time.Now()
	used, faults, known := processorTime()
	err := s.x.decode()
	if known && s.contention != nil {
		// Waiting for the disk is not contention.
		if after, waited, _ := processorTime(); waited == faults {
			s.threads(s.contention.computed(after-used, time.Since(begin)))
		}
	}

	s.mu.Lock()
	s.batch = s.batch[:0]
	s.watch.cancel(false)
	s.mu.Unlock()

	switch {
	case errors.Is(err, errAborted):
		return // all callers have left; drop ends the jobs
	case errors.Is(err, errNoCells):
		s.makeRoom()
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
	if n := s.watch.nodes(); n > 0 {
		s.nodes.Store(n)
	}
	if reading > 0 {
		pace := time.Since(begin) / time.Duration(s.x.batchLen())
		if s.pace == 0 {
			s.pace = pace
		}
		s.pace = (3*s.pace + pace) / 4
	}
	alone := s.x.batchLen() == s.params.batch && len(s.jobs) == 1
	for _, j := range s.jobs {
		if n := int(j.inBatch.Load()); n > 0 {
			s.advance(j, n, alone)
			continue
		}
		for _, a := range j.answers {
			if a.row >= 0 {
				a.slot.tokens = append(a.slot.tokens, a.next...)
				a.next = a.next[:0]
				s.choose(a)
			}
		}
	}
	for _, j := range s.jobs {
		s.finish(j)
	}
	s.cells()
}

// threads sets the number of threads, from the next batch on.
func (s *scheduler) threads(n int) {
	if n == s.computing {
		return
	}
	slog.Debug("threads", "from", s.computing, "to", n)
	s.computing = n
	s.x.setThreads(n)
}

// advance records that n more tokens of a prompt are evaluated. After the last
// one the answers begin, all from the same logits.
func (s *scheduler) advance(j *job, n int, alone bool) {
	done := int(j.done.Load())
	o := j.answers[0].slot
	o.tokens = append(o.tokens, j.prompt[done:done+n]...)
	if alone && o.canonical == done {
		o.canonical += n
	}
	if j.scored {
		s.score(j, o, done, n)
	}
	j.evaluated += n
	j.done.Store(int32(done + n))
	j.inBatch.Store(0)
	j.out.put(engine.Progress{Done: done + n, Total: len(j.prompt), Cached: j.cachedNow()})
	if j.prefilling() {
		if s.m.recurrent && done+n == len(j.prompt)-1 {
			s.snapshot(o)
		}
		return
	}
	j.prefilled = time.Now()
	for _, a := range j.answers[1:] {
		s.x.share(o.seq, a.slot.seq, -1)
		a.slot.tokens = slices.Clone(o.tokens)
		a.slot.shared = len(o.tokens)
		a.row = j.answers[0].row
	}
	if j.leftOut != nil {
		j.out.put(*j.leftOut)
	}
	if j.scored {
		s.emitScores(j, o)
	}
	for _, a := range j.answers {
		switch {
		case j.max == 0: // only to have the prompt at hand
			s.end(a, engine.FinishLength)
		case len(a.steps) > 0 && len(a.steps[0].force) > 0:
			s.force(a) // what the model would begin with does not matter
		default:
			s.choose(a)
		}
	}
}

// snapshot copies the state of a recurrent model before the last token of a prompt into a
// separate slot. Such a state cannot be rewound: without the copy, the same prompt would
// be evaluated again from its beginning.
func (s *scheduler) snapshot(o *slot) {
	idle := s.idle()
	if len(idle) == 0 {
		return
	}
	to := idle[0]
	s.evict(to)
	s.x.share(o.seq, to.seq, -1)
	to.tokens, to.used, to.aside = slices.Clone(o.tokens), s.clock, true
}

// makeRoom is called when the cells do not suffice: idle conversations go, the
// context grows, and at last the youngest job gives way.
func (s *scheduler) makeRoom() {
	if s.evictOldest() {
		return
	}
	if s.grow(2 * s.x.tokens()) {
		return
	}
	j := s.jobs[len(s.jobs)-1]
	if len(s.jobs) > 1 && j.generated == 0 {
		for _, a := range j.answers {
			a.sampler.free()
			a.slot.busy = false
			if a.choice > 0 {
				s.clear(a.slot)
			}
		}
		j.answers, j.evaluated = nil, 0
		j.done.Store(0)
		s.jobs = s.jobs[:len(s.jobs)-1]
		s.waiting = slices.Insert(s.waiting, 0, j)
		return
	}
	if j.prefilling() {
		s.fail(j, engine.ErrTooLong(len(j.prompt)+1, s.x.tokens()))
	} else {
		for _, a := range j.answers {
			if !a.ended {
				s.end(a, engine.FinishModelLength)
			}
		}
		s.finish(j)
	}
	s.jobs = slices.DeleteFunc(s.jobs, func(j *job) bool { return j.ended })
}
