package library

import (
	"sync"
	"time"

	"github.com/bise-sh/bise/engine"
)

// knownFor is how long what an engine said about its model is believed.
const knownFor = time.Minute

// A known engine remembers what its engine said about the model: a worker is asked over HTTP,
// and requests ask often. Until the model is loaded, it says what the file says.
type known struct {
	engine.Engine
	file func() engine.Info // what the file says; nil: nothing

	mu   sync.Mutex
	info engine.Info
	at   time.Time // when the engine said it; zero: it has not
}

// Info describes the model. How much of the context is used may be a minute old.
func (e *known) Info() engine.Info {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.at.IsZero() && time.Since(e.at) < knownFor {
		return e.info
	}
	info := e.Engine.Info()
	switch {
	case info.Vocabulary > 0:
	case e.file != nil: // it is not loaded
		return e.file()
	default:
		return info
	}
	e.info, e.at = info, time.Now()
	return info
}
