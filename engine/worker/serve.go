package worker

import (
	"context"
	"errors"

	"github.com/bise-sh/bise/engine"
)

// ServeConfig says what a worker process serves.
type ServeConfig struct {
	// Open loads the model that spec names, telling how far it is (0 to 1).
	Open func(ctx context.Context, spec Spec, progress func(float64)) (engine.Engine, error)
}

// Serve is the life of a worker process: it reads the spec from stdin, listens,
// tells the starter by stdout, loads the model, answers, and returns when nobody
// has asked for anything during the keep-alive, when it is told to stop or gets
// SIGTERM, or when ctx ends. An error means that the worker never was of use:
// the process should then exit with a status that is not zero.
func Serve(ctx context.Context, cfg ServeConfig) error {
	return errors.New("not built yet")
}
