package tui

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

// records write what is said to the history, in the order in which it is said,
// while nobody waits. Where the history cannot be used, a temporary one takes its
// place, so that everything works and nothing is kept.
//
// push may be called from any goroutine; the jobs are done one after the other by
// a goroutine of the records' own.
type records struct {
	ctx  context.Context // never ends: what was said is written when all else has
	open func() (*history.Store, error)

	mu    sync.Mutex
	jobs  []job
	begun bool
	wake  chan struct{} // has room for one
	done  chan struct{}
	ended bool

	trouble atomic.Pointer[error] // what is to be told and was not yet
}

// A job writes something, or hands the history out.
type job struct {
	do    func(context.Context, *history.Store) error
	draft *saved // of which conversation it writes the draft; nil: it does something else
	hand  chan<- *history.Store
}

// saved is a conversation or a message that is in the history, or will be when
// the jobs before are done. Its id is 0 until then.
type saved struct{ id atomic.Int64 }

func savedAs(id int64) *saved {
	s := new(saved)
	s.id.Store(id)
	return s
}

func newRecords(ctx context.Context, open func() (*history.Store, error)) *records {
	return &records{ctx: context.WithoutCancel(ctx), open: open, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// push has a job done when those before are.
func (r *records) push(do func(context.Context, *history.Store) error) { r.add(job{do: do}) }

// keepDraft has the draft of a conversation written. If the one before still
// waits, it is left out.
func (r *records) keepDraft(s *saved, text string) {
	r.add(job{draft: s, do: func(ctx context.Context, store *history.Store) error {
		return store.SaveDraft(ctx, s.id.Load(), text)
	}})
}

func (r *records) add(j job) {
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

func (r *records) work() {
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
				r.note(r.perform(j, store))
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

// perform does a job. A panic must not end the program while the terminal is
// bise's: it becomes an error.
func (r *records) perform(j job, store *history.Store) (err error) {
	defer func() {
		if p := recover(); p != nil {
			slog.Error("panic while the history was written", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("a fault of bise's own keeps the history from being written: %v", p)
		}
	}()
	return j.do(r.ctx, store)
}

func (r *records) take() ([]job, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	jobs := r.jobs
	r.jobs = nil
	return jobs, r.ended
}

// begin opens the history, or a temporary one.
func (r *records) begin() (store *history.Store, leave func()) {
	var err error
	if r.open != nil {
		if store, err = r.open(); err == nil {
			if aside := store.SetAside(); aside != "" {
				r.note(fmt.Errorf("the history was damaged and is now %s; a new one is begun", aside))
			}
			r.note(store.Tidy(r.ctx))
			return store, func() { r.note(store.Close()) }
		}
		r.note(notSaved(err))
	}
	dir, err := os.MkdirTemp("", "bise-")
	if err == nil {
		store, err = history.Open(filepath.Join(dir, "history.db"))
	}
	if err != nil {
		r.note(err)
		return nil, func() {}
	}
	return store, func() { r.note(errors.Join(store.Close(), os.RemoveAll(dir))) }
}

func (r *records) note(err error) {
	if err != nil {
		r.trouble.Store(&err)
	}
}

// notSaved is the error of a history that cannot be opened.
func notSaved(err error) error {
	_, advice := fault.Explain(err)
	return fault.Advise(err, "This session is not saved. %s", advice)
}

// store gives the history once everything pushed before is written. It is for
// commands that read.
func (r *records) store(ctx context.Context) (*history.Store, error) {
	got := make(chan *history.Store, 1)
	r.add(job{hand: got})
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-r.done:
		return nil, errors.New("the history is closed")
	case s := <-got:
		if s == nil {
			return nil, errors.New("there is no history")
		}
		return s, nil
	}
}

// news is what went wrong since it was asked last, nil when nothing did.
func (r *records) news() error {
	if err := r.trouble.Swap(nil); err != nil {
		return *err
	}
	return nil
}

// close writes what is left and closes the history. It gives what went wrong and
// was not told.
func (r *records) close() error {
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
	return r.news()
}
