package worker

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
)

// leaves runs what a worker does while it is there, in a bubble of time, and gives
// how long it stayed.
func leaves(t *testing.T, keepAlive time.Duration, meanwhile func(s *server)) (stayed time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &server{
			cfg: ServeConfig{lookEvery: 1000 * time.Hour}, log: slog.New(slog.DiscardHandler),
			stops: make(chan stopOrder, 1), woken: make(chan struct{}, 1),
			reported: make(chan struct{}), ready: make(chan struct{}), moved: make(chan struct{}),
		}
		s.keep(keepAlive)
		start := time.Now()
		go meanwhile(s)
		s.stay(t.Context(), nil)
		stayed = time.Since(start)
	})
	return stayed
}

func TestStay(t *testing.T) {
	loaded := func(s *server) { s.finishLoading(&enginetest.Script{}, nil) }
	for _, tt := range []struct {
		name      string
		keepAlive time.Duration
		meanwhile func(s *server)
		want      time.Duration
	}{
		{"nobody ever asks", time.Minute, loaded, time.Minute},
		{"the default", 0, loaded, 10 * time.Minute},
		{"a moment, but nobody ever asks", time.Millisecond, loaded, firstGrace},
		{"a moment, after the first request", time.Millisecond, func(s *server) {
			loaded(s)
			s.begin()
			s.finish()
		}, time.Millisecond},
		{"loading does not count", time.Minute, func(s *server) {
			time.Sleep(time.Hour)
			loaded(s)
		}, 61 * time.Minute},
		{"it counts from the last request's end", time.Minute, func(s *server) {
			loaded(s)
			time.Sleep(30 * time.Second)
			s.begin()
			time.Sleep(time.Hour)
			s.begin()
			s.finish()
			time.Sleep(time.Hour)
			s.finish()
		}, 2*time.Hour + 90*time.Second},
		{"a longer keep-alive", time.Minute, func(s *server) {
			loaded(s)
			time.Sleep(30 * time.Second)
			s.keep(time.Hour)
		}, time.Hour},
		{"a shorter one that is over already", time.Hour, func(s *server) {
			loaded(s)
			time.Sleep(30 * time.Second)
			s.keep(time.Second)
		}, 30 * time.Second},
		{"for ever, until told", -1, func(s *server) {
			loaded(s)
			time.Sleep(999 * time.Hour)
			s.stops <- stopOrder{}
		}, 999 * time.Hour},
		{"a failure that nobody asks about", time.Hour, func(s *server) {
			s.finishLoading(nil, fault.Errorf(fault.BadModel, "no"))
		}, lingerFailed},
		{"a failure that is told", time.Hour, func(s *server) {
			s.begin()
			time.Sleep(time.Second)
			s.finishLoading(nil, fault.Errorf(fault.BadModel, "no"))
			time.Sleep(time.Second)
			s.finish()
		}, 2 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := leaves(t, tt.keepAlive, tt.meanwhile); got != tt.want {
				t.Errorf("stayed %v, want %v", got, tt.want)
			}
		})
	}
}

func TestWaitTellsHowFarLoadingIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{ready: make(chan struct{}), moved: make(chan struct{}), woken: make(chan struct{}, 1)}
		s.progress(0.1)
		var got []float64
		done := make(chan error)
		go func() {
			_, err := s.wait(t.Context(), "", func(f float64) { got = append(got, f) })
			done <- err
		}()
		for _, f := range []float64{0.1, 0.101, 0.5, 0.4, 7} {
			synctest.Wait()
			s.progress(f)
		}
		synctest.Wait()
		s.finishLoading(&enginetest.Script{}, nil)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if want := []float64{0.1, 0.5, 1}; len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
			t.Errorf("got %v, want %v", got, want)
		}

		late := &server{ready: make(chan struct{}), moved: make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := late.wait(ctx, "", func(float64) {}); err != context.Canceled {
			t.Errorf("got %v", err)
		}
	})
}
