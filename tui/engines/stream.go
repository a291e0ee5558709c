package engines

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

// ErrStopped is the cause of an answer's end if the user stopped it.
var ErrStopped = errors.New("stopped")

// A Stream is an answer that is being generated. A goroutine reads the engine's events. The
// interface takes all events since its last call at once, so a slow screen never builds up a
// backlog.
type Stream struct {
	Stop context.CancelCauseFunc

	mu      sync.Mutex
	events  []engine.Event
	pieces  int // EventsReceived.Pieces
	ended   bool
	err     error
	taken   time.Time     // when the interface last took events
	arrived chan struct{} // has room for one
}

// EventsReceived has the new events of an answer, and its end.
type EventsReceived struct {
	From   *Stream // identifies the answer
	Events []engine.Event
	Pieces int // of the first choice's text and thinking, from the start: about as many as tokens
	Ended  bool
	Err    error
}

// Ask starts reading an answer. record gets each event first, and nil at the end.
func Ask(tasks *kit.Tasks, e engine.Engine, r engine.ChatRequest, record func(engine.Event)) *Stream {
	ctx, stop := context.WithCancelCause(tasks.Context())
	s := &Stream{Stop: stop, arrived: make(chan struct{}, 1)}
	tasks.Go(func() {
		defer stop(nil)
		s.run(ctx, e.Chat(ctx, r), record)
	})
	return s
}

func (s *Stream) run(ctx context.Context, seq iter.Seq2[engine.Event, error], record func(engine.Event)) {
	defer func() {
		// Bubble Tea restores the terminal only after panics in its goroutines.
		if r := recover(); r != nil {
			slog.Error("panic while an answer was read", "panic", r, "stack", string(debug.Stack()))
			s.put(nil, true, fault.Errorf(fault.Internal, "the answer ended because of a bug in bise: %v", r))
		}
	}()
	for event, err := range seq {
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			record(nil)
			s.put(nil, true, err)
			return
		}
		record(event)
		s.put(event, false, nil)
	}
	record(nil)
	s.put(nil, true, nil)
}

func (s *Stream) put(event engine.Event, ended bool, err error) {
	s.mu.Lock()
	if event != nil {
		s.add(event)
	}
	if ended {
		s.ended, s.err = true, err
	}
	s.mu.Unlock()
	select {
	case s.arrived <- struct{}{}:
	default:
	}
}

// add queues an event, joined with the one before if possible.
func (s *Stream) add(next engine.Event) {
	switch e := next.(type) {
	case engine.TextDelta:
		if e.Choice == 0 {
			s.pieces++
		}
	case engine.ThinkingDelta:
		if e.Choice == 0 {
			s.pieces++
		}
	}
	if n := len(s.events); n > 0 {
		if joined, ok := engine.Join(s.events[n-1], next); ok {
			s.events[n-1] = joined
			return
		}
	}
	s.events = append(s.events, next)
}

// readInterval is the minimum time between two redraws of an answer.
const readInterval = 33 * time.Millisecond

// Next is a command that waits for the next events.
func (s *Stream) Next() tea.Cmd {
	return func() tea.Msg {
		<-s.arrived
		s.mu.Lock()
		wait := readInterval - time.Since(s.taken)
		if s.ended {
			wait = 0
		}
		s.mu.Unlock()
		time.Sleep(wait)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.taken = time.Now()
		msg := EventsReceived{s, s.events, s.pieces, s.ended, s.err}
		s.events = nil
		return msg
	}
}
