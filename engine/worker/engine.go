package worker

import (
	"context"
	"errors"
	"iter"
	"net"
	"net/http"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/remote"
	"github.com/bise-sh/bise/fault"
)

// An Engine is a model in a worker process. It may be used from any goroutine. After
// Close the worker stays for its other clients and for its keep-alive.
type Engine struct {
	*client
	starter *starter
	done    func(engine.Done) // may be nil
}

// OnDone sets a function that gets the end of every request for a single answer, from the
// goroutine that reads the events. It must be set before the first request.
func (e *Engine) OnDone(f func(engine.Done)) { e.done = f }

// Chat answers a conversation; see [engine.Engine].
func (e *Engine) Chat(ctx context.Context, r engine.ChatRequest) iter.Seq2[engine.Event, error] {
	return e.watch(e.client.Chat(ctx, r), r.Choices())
}

// Complete completes a text; see [engine.Engine].
func (e *Engine) Complete(ctx context.Context, r engine.CompletionRequest) iter.Seq2[engine.Event, error] {
	return e.watch(e.client.Complete(ctx, r), r.Choices())
}

func (e *Engine) watch(events iter.Seq2[engine.Event, error], choices int) iter.Seq2[engine.Event, error] {
	if e.done == nil || choices > 1 {
		return events
	}
	return func(yield func(engine.Event, error) bool) {
		for event, err := range events {
			more := yield(event, err)
			if d, ok := event.(engine.Done); ok && err == nil {
				e.done(d)
			}
			if !more {
				return
			}
		}
	}
}

// client is what makes an Engine keep the contract: the worker speaks the same API
// as any other server.
type client = remote.Engine

var _ engine.Engine = (*Engine)(nil)

// Open connects to the worker that has the model, or starts it. It returns as
// soon as the worker listens; the model may still be loading, and requests wait
// for it with [engine.Loading] events.
//
// A worker that has left by the time of a request is started again. When it dies
// of a request, that request fails with kind Crashed and the next one starts a
// fresh worker.
func Open(ctx context.Context, spec Spec, l Launcher) (*Engine, error) {
	s, err := newStarter(spec, l)
	if err != nil {
		return nil, err
	}
	st, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	if spec.KeepAlive != 0 && st.KeepAlive != spec.KeepAlive {
		if err := s.control.keep(ctx, spec.KeepAlive); err != nil {
			return nil, err
		}
	}
	c, err := remote.New(remote.Config{
		URL:      "http://worker",
		Model:    spec.Name,
		Dialect:  remote.Bise,
		HTTP:     &http.Client{Transport: &transport{base: connections(s.control.socket), starter: s}},
		OnBroken: broken(spec.Name),
	})
	if err != nil {
		return nil, err
	}
	return &Engine{client: c, starter: s}, nil
}

// connections keeps as many connections as there are requests at once.
func connections(socket string) *http.Transport {
	return &http.Transport{
		DialContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, socket) },
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     time.Minute,
		DisableCompression:  true,
		WriteBufferSize:     64 << 10,
		ReadBufferSize:      64 << 10,
	}
}

// broken unwraps the transport's error of a lost connection.
func broken(name string) func(error) error {
	return func(err error) error {
		if known, ok := errors.AsType[*fault.Error](err); ok {
			return known
		}
		return fault.Errorf(fault.Crashed, "the answer of the worker for %s broke off: %w", name, err)
	}
}

// Status is what the worker does at this moment.
func (e *Engine) Status(ctx context.Context) (Status, error) {
	st, err := e.starter.control.status(ctx, answerWithin)
	return st, e.starter.explain(err)
}

// Keep sets how long the worker stays after its last request; negative is for ever.
func (e *Engine) Keep(ctx context.Context, d time.Duration) error {
	return e.starter.explain(e.starter.control.keep(ctx, d))
}
