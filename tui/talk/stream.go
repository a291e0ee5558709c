package talk

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/tui/kit"
)

// errStopped is the cause of an answer's end when the person stopped it.
var errStopped = errors.New("stopped")

// A stream is an answer on its way. A goroutine reads the engine; the interface
// takes everything that has come since it took last, so a slow screen gets larger
// pieces and never a backlog.
type stream struct {
	stop context.CancelCauseFunc

	mu     sync.Mutex
	events []engine.Event
	ended  bool
	err    error
	taken  time.Time     // when the interface took last
	came   chan struct{} // has room for one
}

// eventsCame brings what has come of an answer, and its end.
type eventsCame struct {
	from   *stream // tells a late piece from one of the answer that is awaited
	events []engine.Event
	ended  bool
	err    error
}

// startStream begins to read an answer. kept gets each event first, and nil at the
// end.
func startStream(tasks *kit.Tasks, e engine.Engine, r engine.ChatRequest, kept func(engine.Event)) *stream {
	ctx, stop := context.WithCancelCause(tasks.Context())
	s := &stream{stop: stop, came: make(chan struct{}, 1)}
	tasks.Go(func() {
		defer stop(nil)
		s.run(ctx, e.Chat(ctx, r), kept)
	})
	return s
}

func (s *stream) run(ctx context.Context, seq iter.Seq2[engine.Event, error], kept func(engine.Event)) {
	defer func() {
		// Bubble Tea gives the terminal back only after panics of its own goroutines.
		if r := recover(); r != nil {
			slog.Error("panic while an answer was read", "panic", r, "stack", string(debug.Stack()))
			s.put(nil, true, fault.Errorf(fault.Internal, "a fault of bise's own ended the answer: %v", r))
		}
	}()
	for event, err := range seq {
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			kept(nil)
			s.put(nil, true, err)
			return
		}
		kept(event)
		s.put(event, false, nil)
	}
	kept(nil)
	s.put(nil, true, nil)
}

func (s *stream) put(event engine.Event, ended bool, err error) {
	s.mu.Lock()
	if event != nil {
		s.add(event)
	}
	if ended {
		s.ended, s.err = true, err
	}
	s.mu.Unlock()
	select {
	case s.came <- struct{}{}:
	default:
	}
}

// add puts an event behind those that wait.
func (s *stream) add(next engine.Event) {
	if n := len(s.events); n > 0 {
		if joined, ok := engine.Join(s.events[n-1], next); ok {
			s.events[n-1] = joined
			return
		}
	}
	s.events = append(s.events, next)
}

// pace is the least time between two readings: a person sees no more.
const pace = 33 * time.Millisecond

// next is the command that waits for what comes next.
func (s *stream) next() tea.Cmd {
	return func() tea.Msg {
		<-s.came
		s.mu.Lock()
		wait := pace - time.Since(s.taken)
		if s.ended {
			wait = 0
		}
		s.mu.Unlock()
		time.Sleep(wait)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.taken = time.Now()
		msg := eventsCame{s, s.events, s.ended, s.err}
		s.events = nil
		return msg
	}
}
