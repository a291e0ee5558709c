package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bise-sh/bise/engine"
)

// State is the state of a worker.
type State string

const (
	Loading   State = "loading"
	Idle      State = "idle"
	Answering State = "answering"
	Failed    State = "failed"  // the model could not be loaded; it exits once a client has seen the error
	Leaving   State = "leaving" // it finishes its answers and accepts no new request
	Silent    State = "silent"  // it does not answer
)

// Status describes a worker. Of a silent one only Key, PID, Name and Path may be known.
type Status struct {
	Key         string             `json:"key"`
	Name        string             `json:"model"`
	Path        string             `json:"path,omitempty"`
	Fingerprint string             `json:"fingerprint,omitempty"`
	Version     string             `json:"version,omitempty"`
	PID         int                `json:"pid,omitempty"`
	Options     engine.LoadOptions `json:"options"`
	Log         string             `json:"log,omitempty"`    // the file its stderr goes to
	Engine      string             `json:"engine,omitempty"` // "llama-server b11434"; "": the engine in bise, or not known yet

	State    State     `json:"state"`
	Loaded   float64   `json:"loaded"`   // share of the model that is loaded, 0 to 1
	Requests int       `json:"requests"` // that are running
	Started  time.Time `json:"started"`

	ContextUsed int   `json:"context_used"`     // tokens held by all conversations
	ContextNow  int   `json:"context_now"`      // tokens that fit before the context has to grow
	Context     int   `json:"context"`          // tokens that a request can have at most
	Memory      int64 `json:"memory,omitempty"` // resident bytes, 0 while unknown

	KeepAlive time.Duration `json:"keep_alive_ns"`        // negative: for ever
	LeavesAt  time.Time     `json:"leaves_at,omitzero"`   // zero unless it is idle and not kept for ever
	LastError string        `json:"last_error,omitempty"` // of the last request that failed, or of loading
}

// listWithin is how long List waits for a worker's answer.
const listWithin = time.Second

// List returns the status of every worker of this user, and removes the sockets of dead
// ones. It does not wait long for one that does not answer.
func List(ctx context.Context) ([]Status, error) {
	found, err := list(ctx)
	statuses := make([]Status, len(found))
	for i, w := range found {
		statuses[i] = w.Status
	}
	return statuses, err
}

// Stop ends the workers that which selects (nil: all) and returns the ended ones. Answers
// in progress get grace to finish; a worker that does not answer or exceeds it is killed.
func Stop(ctx context.Context, grace time.Duration, which func(Status) bool) ([]Status, error) {
	found, err := list(ctx)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(w running) bool { return which != nil && !which(w.Status) })
	errs := make([]error, len(found))
	var all sync.WaitGroup
	for i, w := range found {
		all.Go(func() {
			if errs[i] = w.control.stop(ctx, grace); errs[i] == nil {
				errs[i] = clearAway(ctx, w.dir, w.Key)
			}
		})
	}
	all.Wait()
	var ended []Status
	for i, w := range found {
		if errs[i] == nil {
			ended = append(ended, w.Status)
		}
	}
	return ended, errors.Join(errs...)
}

// running is a worker and its control connection.
type running struct {
	Status
	dir     string
	control *control
}

func list(ctx context.Context) ([]running, error) {
	var found []running
	for _, dir := range existingDirs() {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, fmt.Errorf("list workers: %w", err)
		}
		for _, e := range entries {
			if key, ok := strings.CutSuffix(e.Name(), ".sock"); ok {
				found = append(found, running{Status{Key: key}, dir, newControl(filepath.Join(dir, e.Name()))})
			}
		}
	}
	errs := make([]error, len(found))
	var all sync.WaitGroup
	for i := range found {
		all.Go(func() { errs[i] = found[i].look(ctx) })
	}
	all.Wait()
	found = slices.DeleteFunc(found, func(w running) bool { return w.State == "" })
	slices.SortFunc(found, func(a, b running) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Key, b.Key))
	})
	return found, errors.Join(errs...)
}

// look sets the worker's status. A dead worker has no state.
func (w *running) look(ctx context.Context) error {
	st, err := w.control.status(ctx, listWithin)
	switch {
	case err == nil:
		w.Status = st
		return nil
	case notListening(err):
		return clearAway(ctx, w.dir, w.Key)
	case errors.Is(err, errSilent):
		w.State = Silent
		w.Name = lockModel(lockPath(w.dir, w.Key))
		w.PID, _ = w.control.pid(ctx)
		return nil
	}
	return err
}

// clearAway removes the socket of a dead worker, unless another one listens or is about
// to.
func clearAway(ctx context.Context, dir, key string) error {
	ctx, cancel := context.WithTimeout(ctx, listWithin)
	defer cancel()
	lock, err := acquire(ctx, lockPath(dir, key))
	if errors.Is(err, context.DeadlineExceeded) {
		return nil // the process that starts one removes the socket
	} else if err != nil {
		return err
	}
	socket := socketPath(dir, key)
	if conn, err := dial(ctx, socket); !notListening(err) {
		lock.release()
		if err == nil {
			conn.Close()
		}
		return nil
	}
	defer lock.remove()
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove a dead worker's socket: %w", err)
	}
	return nil
}
