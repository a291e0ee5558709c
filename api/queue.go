package api

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/bise-sh/bise/fault"
)

// A queue bounds the requests that models answer or that wait for them.
type queue struct {
	mu      sync.Mutex
	running int
	took    time.Duration // average of a request
}

// longestRetry is the longest time after which clients are asked to try again.
const longestRetry = 60 * time.Second

// queueFull says when there may be room again.
type queueFull struct {
	err     *fault.Error
	seconds int
}

func (q *queueFull) Error() string { return q.err.Error() }

// Unwrap returns the error that clients get.
func (q *queueFull) Unwrap() error { return q.err }

// enter takes a place, if one of limit is free.
func (q *queue) enter(limit int) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if limit > 0 && q.running >= limit {
		wait := min(max(q.took/time.Duration(limit), time.Second), longestRetry)
		return &queueFull{
			fault.Advise(fault.Errorf(fault.Busy, "%d requests are waiting or being answered, the limit of this server", q.running), "Try again later."),
			int((wait + time.Second - 1) / time.Second),
		}
	}
	q.running++
	return nil
}

func (q *queue) leave(took time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running--
	q.took += (took - q.took) / 8
}

// count is how many requests are here.
func (q *queue) count() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.running
}

// work answers a request that a model has to answer.
func (s *server) work(w http.ResponseWriter, r *http.Request, route Route) error {
	if err := s.queue.enter(s.c.Queue); err != nil {
		return err
	}
	start := time.Now()
	defer func() { s.queue.leave(time.Since(start)) }()
	if s.c.Timeout > 0 {
		late := newRefusal("", "the request took longer than %v, the limit of this server", s.c.Timeout).
			as("timeout", "").status(http.StatusGatewayTimeout).advise("Ask for fewer tokens")
		ctx, cancel := context.WithTimeoutCause(r.Context(), s.c.Timeout, late)
		defer cancel()
		r = r.WithContext(ctx)
	}
	return route.Serve(w, r)
}
