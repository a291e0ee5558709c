// Package scheduler decides what a model computes next: which request gets which part of a
// batch, which conversations stay in the KV cache, and when they go to disk. It is pure Go;
// the model is behind [Machine].
//
// A [Scheduler] owns one goroutine, which is the only one that touches the machine. Other
// goroutines hand it jobs and read their events.
package scheduler

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// Options are the settings of a scheduler.
type Options struct {
	Slots int // sequences of the machine
	Batch int // tokens of a batch
	Limit int // tokens that the context may grow to
	// States keeps conversations on disk; nil: they are not saved.
	States *States
	// Patience is how long requests wait without any progress before the log says what the
	// scheduler is doing; 0: 20 seconds.
	Patience time.Duration
}

// Scheduler is the goroutine that owns the machine, with its state. Each turn of its loop
// collects new jobs, composes a batch of the next tokens of all answers and of prompts
// to prefill, evaluates it, and samples the next token of each answer. So jobs join
// and leave between batches.
type Scheduler struct {
	x     Machine
	o     Options
	limit atomic.Int64 // tokens the context may grow to

	slots   []*slot
	ledger  ledger
	waiting []*Job
	jobs    []*Job // admitted, oldest first
	clock   int64
	over    int64         // jobs that ended
	turn    int           // batches with answers
	pace    time.Duration // average prefill time of one prompt token
	resting bool          // idle conversations are being saved
	blocked bool          // nothing to compute until a grammar is built
	builds  int           // grammars being built
	costs   costs         // of drafts
	probes  probes        // of their rows
	now     func() time.Time

	mu       sync.Mutex
	incoming []*Job
	calls    []func()
	batch    []*Job // whose tokens are being computed
	closed   bool
	wake     chan struct{}
	stopped  chan struct{}

	queued   atomic.Int64 // jobs without a slot
	running  atomic.Int64 // jobs with a slot
	nodes    atomic.Int64 // graph nodes of a batch, as last counted
	held     atomic.Int64 // tokens in memory
	capacity atomic.Int64 // tokens that fit
	watchdog watchdog
}

const (
	// restAfter is how long nothing must happen before idle conversations are saved.
	restAfter = 2 * time.Second
	// turnTime is how long a batch may take while answers wait for their next token.
	turnTime = 250 * time.Millisecond
	// A batch that would take longer than slowBatch is kept small for a prompt with at most
	// shortPrompt tokens left, so that its answer begins soon.
	shortPrompt = 128
	slowBatch   = time.Second
	// restoreGain is how many tokens a saved state must spare to be read.
	restoreGain = 64
	// recentJobs is how many requests a conversation stays in memory for if there is enough:
	// programs that work with several conversations take turns in them.
	recentJobs = 4
	// maxWaiting is how many jobs may wait for a slot.
	maxWaiting = 256
)

// New starts a scheduler. nodes is how many graph nodes a batch has, as far as is known.
func New(x Machine, o Options, nodes int64) *Scheduler {
	s := &Scheduler{x: x, o: o, wake: make(chan struct{}, 1), stopped: make(chan struct{}), now: time.Now, probes: probes{next: -1}}
	for i := range o.Slots {
		s.slots = append(s.slots, &slot{seq: i})
	}
	s.limit.Store(int64(o.Limit))
	s.capacity.Store(int64(x.Tokens()))
	s.nodes.Store(nodes)
	if o.States != nil {
		o.States.written = s.signal
	}
	stop := s.watch()
	go func() {
		defer close(s.stopped)
		defer stop()
		s.run()
	}()
	return s
}

// Bound is the largest context in tokens, as far as is known.
func (s *Scheduler) Bound() int { return int(s.limit.Load()) }

// Capacity is the number of tokens that fit the context now, Held that of tokens in it.
func (s *Scheduler) Capacity() int { return int(s.capacity.Load()) }
func (s *Scheduler) Held() int     { return int(s.held.Load()) }

// Submit queues a job. It fails when the scheduler is closed or the queue is full; the job's
// samplers are freed then.
func (s *Scheduler) Submit(j *Job) error {
	j.out = newStream()
	j.ctx, j.cancel = context.WithCancel(context.Background())
	busy := false
	err := s.enter(func() {
		if busy = s.queued.Load() >= maxWaiting; !busy {
			s.queued.Add(1)
			s.incoming = append(s.incoming, j)
		}
	})
	if busy {
		err = &fault.Error{Kind: fault.Busy, Msg: fmt.Sprintf("the queue is full: %d requests are waiting", maxWaiting), Advice: "Try again later."}
	}
	if err != nil {
		j.cancel()
		j.Free()
	}
	return err
}

// Call runs f on the scheduler's goroutine, between batches, and returns when it is done.
func (s *Scheduler) Call(f func()) error {
	done := make(chan struct{})
	err := s.enter(func() {
		s.calls = append(s.calls, func() { defer close(done); f() })
	})
	if err == nil {
		<-done
	}
	return err
}

// Alone runs f with an empty context that has room for n tokens, on the scheduler's
// goroutine. It fails if an answer is in progress. f may use sequence 0, which is emptied
// afterwards.
func (s *Scheduler) Alone(n int, f func() error) (err error) {
	called := s.Call(func() {
		if len(s.jobs)+len(s.waiting) > 0 {
			err = &fault.Error{Kind: fault.Busy, Msg: "the model is answering", Advice: "Try again when it is done."}
			return
		}
		for _, o := range s.slots {
			s.evict(o)
		}
		if n > s.x.Tokens() && (n > s.Bound() || !s.grow(max(n+s.o.Batch, 2*s.x.Tokens()))) {
			err = engine.ErrTooLong(n, s.Bound())
			return
		}
		defer s.watchdog.doing("working alone")()
		err = f()
		s.x.Remove(0, -1, -1)
	})
	if called != nil {
		return called
	}
	return err
}

func (s *Scheduler) enter(add func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed()
	}
	add()
	s.signal()
	return nil
}

// ErrClosed is the error of a call after Close.
func ErrClosed() *fault.Error {
	return &fault.Error{Kind: fault.Closed, Msg: "the engine is closed"}
}

func (s *Scheduler) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Close lets admitted jobs finish, rejects the others, and waits for the end.
func (s *Scheduler) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.signal()
	<-s.stopped
	if s.o.States != nil {
		s.o.States.close()
	}
}

// Cancel requests the end of a job. If no other job is in the batch being computed, the
// batch stops too.
func (s *Scheduler) Cancel(j *Job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j.cancelled.Store(true)
	j.cancel()
	if len(s.batch) > 0 && !slices.ContainsFunc(s.batch, func(o *Job) bool { return !o.cancelled.Load() }) {
		s.x.Interrupt(true)
	}
	s.signal()
}

// progress returns the prefill progress of a job.
func (s *Scheduler) progress(j *Job) engine.Progress {
	done := int(j.done.Load())
	if total, in := s.nodes.Load(), int64(j.inBatch.Load()); total > 0 && in > 0 {
		done += int(in * min(s.x.Nodes(), total) / total)
	}
	return engine.Progress{
		Done: min(done, len(j.Prompt)), Total: len(j.Prompt),
		Cached: j.cachedNow(), Queued: int(j.ahead.Load()),
	}
}

// Events yields a job's events until its end or that of ctx, with its progress while the
// prompt is prefilled.
func (s *Scheduler) Events(ctx context.Context, j *Job) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		defer s.Cancel(j) // of no effect after the end
		tick := time.NewTicker(400 * time.Millisecond)
		defer tick.Stop()
		look := tick.C
		for {
			select {
			case <-ctx.Done():
				yield(nil, context.Cause(ctx))
				return
			case <-look:
				if p := s.progress(j); p.Done < p.Total && !yield(p, nil) {
					return
				}
				continue
			case <-j.out.ready:
			}
			events, ended, err := j.out.take()
			for _, ev := range events {
				if _, reading := ev.(engine.Progress); !reading {
					look = nil
				}
				if !yield(ev, nil) {
					return
				}
				if ctx.Err() != nil {
					yield(nil, context.Cause(ctx))
					return
				}
			}
			if ended {
				if err != nil {
					yield(nil, err)
				}
				return
			}
		}
	}
}

func (s *Scheduler) run() {
	for s.gather() {
		s.drop()
		s.admit()
		s.watchdog.answer(s)
		image := s.evaluateImage()
		if s.compose() {
			s.compute()
		} else if !image {
			s.block()
		}
	}
	s.saveAll()
}

// block is called when there is nothing to compute. The answers that wait for a grammar
// continue when it is built.
func (s *Scheduler) block() {
	for _, j := range s.jobs {
		if !j.ended && !slices.ContainsFunc(j.answers, func(a *answer) bool { return a.building }) {
			s.fail(j, fault.Errorf(fault.Internal, "the request has nothing to compute"))
			return
		}
	}
	s.blocked = s.builds > 0
}

// gather collects new calls and jobs, and waits for them if there is no other work. It
// returns false when the scheduler is closed and all answers are written.
func (s *Scheduler) gather() bool {
	for {
		s.mu.Lock()
		arrived := len(s.incoming) > 0
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
				s.fail(j, ErrClosed())
			}
			s.waiting = nil
			if len(s.jobs) == 0 && len(calls) == 0 && s.builds == 0 {
				return false
			}
		}
		s.running.Store(int64(len(s.jobs)))
		if arrived || len(calls) > 0 {
			s.blocked = false
		}
		if len(s.jobs)+len(s.waiting) > 0 {
			s.resting = false
			if !s.blocked {
				return true
			}
		} else if closed && s.builds == 0 || len(calls) > 0 {
			continue
		}
		select {
		case <-s.wake:
			s.blocked = false
		case <-s.rest():
			s.resting = true
			s.saveNext()
		}
	}
}

// rest returns a channel that is ready when the next idle conversation shall be saved, or
// nil if there is none.
func (s *Scheduler) rest() <-chan time.Time {
	if len(s.jobs)+len(s.waiting) > 0 || !slices.ContainsFunc(s.slots, s.unsaved) || s.o.States.full() {
		return nil
	}
	if s.resting {
		return time.After(0)
	}
	return time.After(restAfter)
}

// drop ends cancelled jobs.
func (s *Scheduler) drop() {
	for _, j := range slices.Concat(s.jobs, s.waiting) {
		if j.cancelled.Load() {
			s.fail(j, context.Canceled) // the reader reports the cause of its context
		}
	}
	gone := func(j *Job) bool { return j.ended }
	s.jobs = slices.DeleteFunc(s.jobs, gone)
	s.waiting = slices.DeleteFunc(s.waiting, gone)
	for i, j := range s.waiting {
		j.ahead.Store(int32(len(s.jobs) + i))
	}
}
