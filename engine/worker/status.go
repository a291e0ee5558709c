package worker

import (
	"context"
	"errors"
	"time"

	"github.com/bise-sh/bise/engine"
)

// State is what a worker does.
type State string

const (
	Loading   State = "loading"
	Idle      State = "idle"
	Answering State = "answering"
	Failed    State = "failed"  // the model could not be loaded; it leaves once that is told
	Leaving   State = "leaving" // it ends what it has begun and takes nothing new
	Silent    State = "silent"  // it is there but does not answer
)

// Status is what a worker says about itself. Of a silent one only Key, PID,
// Name and Path may be known.
type Status struct {
	Key         string             `json:"key"`
	Name        string             `json:"model"`
	Path        string             `json:"path,omitempty"`
	Fingerprint string             `json:"fingerprint,omitempty"`
	Version     string             `json:"version,omitempty"`
	PID         int                `json:"pid,omitempty"`
	Options     engine.LoadOptions `json:"options"`
	Log         string             `json:"log,omitempty"` // the file its stderr goes to

	State    State     `json:"state"`
	Loaded   float64   `json:"loaded"`   // share of the model that is loaded, 0 to 1
	Requests int       `json:"requests"` // that are running
	Started  time.Time `json:"started"`

	ContextUsed int   `json:"context_used"`     // tokens held by all conversations
	ContextNow  int   `json:"context_now"`      // tokens that fit before the context has to grow
	Context     int   `json:"context"`          // tokens that a request can have at most
	Memory      int64 `json:"memory,omitempty"` // resident bytes, 0 while unknown

	KeepAlive time.Duration `json:"keep_alive_ns"`       // negative: for ever
	LeavesAt  time.Time     `json:"leaves_at,omitzero"`  // zero unless it is idle and not kept for ever
	LastError string        `json:"last_error,omitempty"` // of the last request that failed, or of loading
}

// List asks every worker of this user how it is, and removes the sockets that
// dead ones have left. It does not wait long for one that does not answer.
func List(ctx context.Context) ([]Status, error) {
	return nil, errors.New("not built yet")
}

// Stop ends the workers that which picks (nil: all of them) and returns them once they
// have ended. Answers being written have grace to finish; a worker that does not
// answer, or overstays, is killed.
func Stop(ctx context.Context, grace time.Duration, which func(Status) bool) ([]Status, error) {
	return nil, errors.New("not built yet")
}
