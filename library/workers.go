package library

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/models"
)

// stopGrace is how long a worker may finish its answers before it is stopped.
const stopGrace = 10 * time.Second

// Workers lists the workers that the REFs name: by the model's name, its beginning, or its
// file. Without a REF it is the only worker; several are an error. A REF that names neither
// a worker nor a model is an error of kind NotFound; one of a model that is not in memory
// is noted.
func (l *Library) Workers(ctx context.Context, refs ...string) ([]worker.Status, error) {
	list, err := worker.List(ctx)
	if err != nil {
		return nil, err
	}
	if len(refs) == 0 {
		switch len(list) {
		case 0:
			l.options.Note("No model is in memory.")
		case 1:
		default:
			return nil, fault.Advise(fault.Errorf(fault.Usage, "%d models are in memory", len(list)), "Name one of them (%s), or stop them all with --all.", workerNames(list))
		}
		return list, nil
	}
	var found []worker.Status
	var absent []string
	for _, ref := range refs {
		some, err := l.workersOf(list, ref)
		if err != nil {
			return nil, err
		}
		if len(some) == 0 {
			m, _ := l.Find(ref) // it is a model, or there was an error
			absent = append(absent, m.Name)
		}
		found = append(found, some...)
	}
	for _, ref := range absent {
		l.options.Note(ref + " is not in memory.")
	}
	return found, nil
}

// workersOf returns the workers of a list that ref names; none for a model that is not in
// memory.
func (l *Library) workersOf(list []worker.Status, ref string) ([]worker.Status, error) {
	path := ref
	m, unknown := l.Find(ref)
	if unknown == nil {
		path = m.Path
	}
	var exact, begin []worker.Status
	for _, s := range list {
		switch {
		case s.Path == path, strings.EqualFold(s.Name, ref):
			exact = append(exact, s)
		case strings.HasPrefix(strings.ToLower(s.Name), strings.ToLower(ref)):
			begin = append(begin, s)
		}
	}
	switch {
	case len(exact) > 0:
		return exact, nil
	case len(begin) > 1:
		return nil, fault.Advise(fault.Errorf(fault.Usage, "%d models in memory have names that begin with %q", len(begin), ref), "Write more of the name: %s.", workerNames(begin))
	case len(begin) == 0 && unknown != nil && len(list) > 0:
		return nil, fault.Advise(unknown, "In memory: %s.", workerNames(list))
	case len(begin) == 0 && unknown != nil:
		return nil, fault.Advise(unknown, "No model is in memory.")
	}
	return begin, nil
}

// Stop stops workers, after their answers if those take less than ten seconds. It
// returns the stopped ones.
func (l *Library) Stop(ctx context.Context, list []worker.Status) ([]worker.Status, error) {
	return worker.Stop(ctx, stopGrace, func(s worker.Status) bool {
		return slices.ContainsFunc(list, func(other worker.Status) bool { return other.Key == s.Key })
	})
}

// Unload stops the workers of a model, and returns how many there were. Their answers have
// ten seconds to finish.
func (l *Library) Unload(ctx context.Context, m models.Model) (int, error) {
	stopped, err := worker.Stop(ctx, stopGrace, func(s worker.Status) bool { return s.Path == m.Path })
	return len(stopped), err
}

func workerNames(list []worker.Status) string {
	var names []string
	for _, s := range list {
		names = append(names, s.Name)
	}
	return strings.Join(names, ", ")
}
