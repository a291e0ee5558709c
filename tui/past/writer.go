package past

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/history"
)

// A Writer saves conversations to the history, in order and in the background. If the
// history cannot be opened, it uses a temporary one and nothing is saved.
//
// Its methods may be called from any goroutine. A single goroutine runs the jobs.
type Writer struct {
	ctx  context.Context // never canceled: everything is saved at exit
	open func() (*history.Store, error)

	mu    sync.Mutex
	jobs  []job
	begun bool
	wake  chan struct{} // has room for one
	done  chan struct{}
	ended bool

	problem atomic.Pointer[error] // not reported yet
}

// A job writes to the history, or returns the store.
type job struct {
	do    func(context.Context, *history.Store) error
	draft *ID // the conversation whose draft it saves; nil: another job
	hand  chan<- *history.Store
}

// ID is the id of a conversation or a message in the history. It is 0 until the job that
// saves it is done.
type ID struct{ atomic.Int64 }

func NewID(id int64) *ID {
	s := new(ID)
	s.Store(id)
	return s
}

func NewWriter(ctx context.Context, open func() (*history.Store, error)) *Writer {
	return &Writer{ctx: context.WithoutCancel(ctx), open: open, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// Write queues a job.
func (r *Writer) Write(do func(context.Context, *history.Store) error) { r.add(job{do: do}) }

// WriteDraft saves a conversation's draft. It replaces a draft that is still in the queue.
func (r *Writer) WriteDraft(s *ID, text string) {
	r.add(job{draft: s, do: func(ctx context.Context, store *history.Store) error {
		return store.SaveDraft(ctx, s.Load(), text)
	}})
}

func (r *Writer) add(j job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return
	}
	if n := len(r.jobs); n > 0 && j.draft != nil && r.jobs[n-1].draft == j.draft {
		r.jobs[n-1] = j
		return
	}
	r.jobs = append(r.jobs, j)
	if !r.begun {
		r.begun = true
		go r.work()
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *Writer) work() {
	defer close(r.done)
	store, leave := r.begin()
	defer leave()
	for range r.wake {
		for {
			jobs, ended := r.take()
			for _, j := range jobs {
				if j.hand != nil {
					j.hand <- store
				}
				if j.do == nil || store == nil {
					continue
				}
				r.report(r.perform(j, store))
			}
			if len(jobs) == 0 {
				if ended {
					return
				}
				break
			}
		}
	}
}

// perform runs a job. It turns a panic into an error, because a panic would leave the terminal
// in raw mode.
func (r *Writer) perform(j job, store *history.Store) (err error) {
	defer func() {
		if p := recover(); p != nil {
			slog.Error("panic while the history was written", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("cannot save to the history (a bug in bise): %v", p)
		}
	}()
	return j.do(r.ctx, store)
}

func (r *Writer) take() ([]job, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	jobs := r.jobs
	r.jobs = nil
	return jobs, r.ended
}

// begin opens the history, or a temporary one.
func (r *Writer) begin() (store *history.Store, leave func()) {
	var err error
	if r.open != nil {
		if store, err = r.open(); err == nil && store == nil {
			return nil, func() {} // nothing is kept
		} else if err == nil {
			if aside := store.DamagedPath(); aside != "" {
				r.report(fmt.Errorf("the history was damaged: moved it to %s and started a new one", aside))
			}
			r.report(store.Tidy(r.ctx))
			return store, func() { r.report(store.Close()) }
		}
		r.report(notSaved(err))
	}
	dir, err := os.MkdirTemp("", "bise-")
	if err == nil {
		store, err = history.Open(filepath.Join(dir, "history.db"))
	}
	if err != nil {
		r.report(err)
		return nil, func() {}
	}
	return store, func() { r.report(errors.Join(store.Close(), os.RemoveAll(dir))) }
}

func (r *Writer) report(err error) {
	if err != nil {
		r.problem.Store(&err)
	}
}

// notSaved adds to an error that the session is not saved.
func notSaved(err error) error {
	_, advice := fault.Explain(err)
	return fault.Advise(err, "This session is not saved. %s", advice)
}

// Store returns the history after all queued jobs are done. It is for commands that read.
func (r *Writer) Store(ctx context.Context) (*history.Store, error) {
	got := make(chan *history.Store, 1)
	r.add(job{hand: got})
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-r.done:
		return nil, errors.New("the history is closed")
	case s := <-got:
		if s == nil {
			return nil, errors.New("the history is not available")
		}
		return s, nil
	}
}

// Problem returns the error that was not reported yet, or nil.
func (r *Writer) Problem() error {
	if err := r.problem.Swap(nil); err != nil {
		return *err
	}
	return nil
}

// Close runs the queued jobs and closes the history. It returns the error that was not
// reported yet.
func (r *Writer) Close() error {
	r.mu.Lock()
	begun, ended := r.begun, r.ended
	r.ended = true
	if begun && !ended {
		close(r.wake)
	}
	r.mu.Unlock()
	if begun {
		<-r.done
	}
	return r.Problem()
}
