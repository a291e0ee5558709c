//go:build cgo

package llama

import (
	"sync"

	"github.com/bise-sh/bise/engine"
)

// stream carries events from the goroutine that owns the context to the one
// that reads an answer. The reader sets the pace: text it has not taken yet is
// joined, so that a slow reader gets bigger pieces and never a backlog.
type stream struct {
	mu     sync.Mutex
	events []engine.Event
	err    error
	ended  bool
	ready  chan struct{} // has an element when there is something to take
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
