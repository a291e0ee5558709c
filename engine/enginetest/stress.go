package enginetest

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// A Load is what Stress puts on an engine.
type Load struct {
	Clients  int     // at once; 0: 8
	Requests int     // of all clients; 0: 200
	Engines  int     // that are opened, for the clients to share; 0: 1
	Cancel   float64 // share of the requests that are cancelled at any moment, 0 to 1
	Seed     uint64  // of what is asked and when it is cancelled
	// Disturb, when set, does harm while requests run, such as killing the process
	// that answers them. It is called twice, or Disturbances times, spread over the
	// requests. Errors of kind Crashed are allowed then, when the same request is
	// answered after it.
	Disturb      func()
	Disturbances int
}

// Stress puts a mixed load on engines and checks that each request ends with the answer it
// gets alone, or with its cancellation. Afterwards the engines must answer as before, and
// after Close no goroutine or file may be left.
//
// It uses the suite's functions that open an engine and adapt requests.
func Stress(t *testing.T, s Suite, l Load) {
	l.Clients = cmp.Or(l.Clients, 8)
	l.Requests = cmp.Or(l.Requests, 200)
	l.Engines = cmp.Or(l.Engines, 1)
	if l.Disturb != nil && l.Disturbances == 0 {
		l.Disturbances = 2
	}
	s.Patience = cmp.Or(s.Patience, 5*time.Minute)
	CheckLeaks(t)
	var engines []engine.Engine
	for range l.Engines {
		e := s.Open(t)
		t.Cleanup(func() {
			if err := e.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
		engines = append(engines, e)
	}
	c := &check{Suite: s, e: engines[0]}
	if _, err := c.e.Tokenize(c.context(t), engine.TokenizeRequest{Text: new("a")}); err != nil {
		t.Fatalf("tokenize a text: %v", err)
	}
	c.info = c.e.Info()
	w := &workload{check: c, tokens: 24}
	for i := range 4 * kinds {
		w.expect(t, i)
	}

	st := &stress{workload: w, Load: l}
	ctx := c.context(t)
	var next atomic.Int64
	var clients sync.WaitGroup
	for i := range l.Clients {
		e := engines[i%len(engines)]
		clients.Go(func() {
			for {
				n := int(next.Add(1)) - 1
				if n >= l.Requests {
					return
				}
				if st.disturbs(n) {
					l.Disturb()
				}
				st.serve(ctx, t, e, n)
			}
		})
	}
	clients.Wait()

	whole, cancelled, crashed := st.whole.Load(), st.cancelled.Load(), st.crashed.Load()
	t.Logf("%d requests: %d answered, %d cancelled; %d crashed and were sent again", l.Requests, whole, cancelled, crashed)
	if whole+cancelled != int64(l.Requests) && !t.Failed() {
		t.Errorf("%d of %d requests were lost", int64(l.Requests)-whole-cancelled, l.Requests)
	}
	for i, e := range engines {
		if err := w.request(ctx, e, i, untapped); err != nil {
			t.Errorf("engine %d afterwards: %v", i, err)
		}
	}
}

type stress struct {
	*workload
	Load
	whole, cancelled, crashed atomic.Int64 // requests
}

// disturbs reports whether the disturbance comes before request n.
func (s *stress) disturbs(n int) bool {
	for d := range s.Disturbances {
		if n == (d+1)*s.Requests/(s.Disturbances+1) {
			return true
		}
	}
	return false
}

// serve makes request n until it has an end, and counts which.
func (s *stress) serve(ctx context.Context, t *testing.T, e engine.Engine, n int) {
	rng := rand.New(rand.NewPCG(s.Seed, uint64(n)))
	i := rng.IntN(len(s.expects))
	cancel := rng.Float64() < s.Cancel
	for range s.Disturbances + 1 {
		err := s.attempt(ctx, e, i, cancel, rng)
		switch {
		case err == nil:
			s.whole.Add(1)
			return
		case cancel && errors.Is(err, errCaller):
			s.cancelled.Add(1)
			return
		case fault.KindOf(err) != fault.Crashed:
			t.Errorf("request %d: %v", n, err)
			return
		case s.Disturbances == 0:
			t.Errorf("request %d crashed, and nothing was done to the engine: %v", n, err)
			return
		}
		s.crashed.Add(1)
		// What was sent again is not cancelled: the answer has to come.
		cancel = false
	}
	t.Errorf("request %d crashed %d times, more often than the engine was disturbed", n, s.Disturbances+1)
}

// attempt makes request i once, and may cancel it: after a few events, or from
// another goroutine at any moment.
func (s *stress) attempt(ctx context.Context, e engine.Engine, i int, cancels bool, rng *rand.Rand) error {
	if !cancels {
		return s.request(ctx, e, i, untapped)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if events := rng.IntN(8); events > 0 {
		return s.request(ctx, e, i, after(events, func() { cancel(errCaller) }))
	}
	spins := rng.IntN(1000)
	var other sync.WaitGroup
	defer other.Wait()
	other.Go(func() {
		for range spins {
			runtime.Gosched()
		}
		cancel(errCaller)
	})
	return s.request(ctx, e, i, untapped)
}
