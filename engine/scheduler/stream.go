package scheduler

import (
	"sync"

	"github.com/bise-sh/bise/engine"
)

// stream carries events from the scheduler to the reader of an answer. Pending text is
// joined, so that a slow reader gets larger pieces and no backlog grows.
type stream struct {
	mu     sync.Mutex
	events []engine.Event
	err    error
	ended  bool
	ready  chan struct{} // has an element when events are pending
}

func newStream() *stream { return &stream{ready: make(chan struct{}, 1)} }

// put adds an event.
func (s *stream) put(ev engine.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.events); n > 0 {
		if joined, ok := engine.Join(s.events[n-1], ev); ok {
			s.events[n-1] = joined
			return
		}
	}
	s.events = append(s.events, ev)
	s.signal()
}

// end ends the stream; err is nil after Done.
func (s *stream) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.ended = err, true
	s.signal()
}

func (s *stream) signal() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// take returns all events since the last call, and whether the stream is over.
func (s *stream) take() (events []engine.Event, ended bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	events, s.events = s.events, nil
	return events, s.ended, s.err
}
