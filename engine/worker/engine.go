package worker

import (
	"context"
	"errors"

	"github.com/bise-sh/bise/engine"
)

// An Engine is a model in a worker process. It may be used from any goroutine.
type Engine struct {
	engine.Engine
}

// Open connects to the worker that has the model, or starts it. It returns as
// soon as the worker listens; the model may still be loading, and requests wait
// for it with [engine.Loading] events.
func Open(ctx context.Context, spec Spec, l Launcher) (*Engine, error) {
	return nil, errors.New("not built yet")
}

// Status is what the worker does at this moment.
func (e *Engine) Status(ctx context.Context) (Status, error) {
	return Status{}, errors.New("not built yet")
}
