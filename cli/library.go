package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/downloader"
	"github.com/bise-sh/bise/engine/remote"
	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/library/pull"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/models/fit"
	"github.com/bise-sh/bise/tui"
)

// A library is what the interface knows models by.
type library struct {
	app *app

	mu      sync.Mutex // of all below
	machine *fit.Machine
	pulls   *pull.Puller
}

var _ tui.Library = (*library)(nil)

// Machine looks once: what is free then was free before models were loaded.
func (l *library) Machine(ctx context.Context) (fit.Machine, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.hardware(ctx)
	return h, machineLine(h)
}

func (l *library) hardware(ctx context.Context) fit.Machine {
	if l.machine == nil {
		h := l.app.hardware(ctx)
		if ctx.Err() != nil {
			return h // it was not looked at to the end
		}
		l.machine = &h
	}
	return *l.machine
}

func (l *library) Catalog() (*catalog.Catalog, error) { return l.app.catalog() }

// Here looks into the models' files, several at a time.
func (l *library) Here(ctx context.Context) ([]tui.Installed, error) {
	found, err := l.app.store().List()
	if err != nil {
		return nil, err
	}
	workers, err := worker.List(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]tui.Installed, len(found))
	var g errgroup.Group
	g.SetLimit(8) // it is the disk that is waited for
	for i, m := range found {
		g.Go(func() error {
			list[i] = installed(m)
			for _, w := range workers {
				if w.Path == m.Path && w.State != worker.Failed {
					list[i].State = w.State
				}
			}
			return nil
		})
	}
	return list, g.Wait()
}

// installed tells of a model what its manifest and its file do.
func installed(m models.Model) tui.Installed {
	listed := listModel(m)
	i := tui.Installed{Model: m, Title: listed.Title, Type: listed.Type, Can: listed.Can}
	if t := listed.terms; t != nil && (t.ID != "" || t.Name != "") {
		i.Terms = known(*t)
	}
	if listed.Problem != "" && m.Problem == nil {
		i.Problem = errors.New(listed.Problem)
	}
	if file, err := gguf.Read(m.Path); err == nil && i.Problem == nil {
		var tower int64
		if info, err := os.Stat(m.Projector); err == nil {
			tower = info.Size()
		}
		takes := fit.Installed(file, tower)
		i.Takes = &takes
	}
	return i
}

func (l *library) Import(ctx context.Context, path string, progress func(done, total int64)) (models.Model, error) {
	return l.app.store().Import(ctx, readable(models.Import{Path: path, Progress: progress}))
}

func (l *library) Remove(ctx context.Context, m models.Model) (*models.Removed, error) {
	if m.Origin != models.Registered {
		if err := l.app.unload(ctx, m); err != nil {
			return nil, err
		}
	}
	return l.app.store().Remove(m)
}

func (l *library) Puller(ctx context.Context) (tui.Puller, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pulls == nil {
		p, err := l.app.puller(l.hardware(ctx), downloader.Options{})
		if err != nil {
			return nil, err
		}
		l.pulls = p
	}
	return l.pulls, nil
}

func (l *library) Unfinished() ([]pull.Unfinished, error) {
	return (&pull.Puller{Store: l.app.store()}).Unfinished()
}

func (l *library) Forget(plan *pull.Plan) error {
	return (&pull.Puller{Store: l.app.store()}).Forget(plan)
}

func (l *library) Servers() map[string]string {
	servers := map[string]string{}
	for name, e := range l.app.endpoints() {
		servers[name] = e.URL
	}
	return servers
}

func (l *library) Served(ctx context.Context, server string) ([]string, error) {
	e, ok := l.app.endpoints()[server]
	if !ok {
		return nil, fault.Errorf(fault.NotFound, "no server is called %s", server)
	}
	key, err := secret(ctx, server, e)
	if err != nil {
		return nil, err
	}
	there, err := remote.New(remote.Config{URL: e.URL, Key: key, Dialect: remote.Dialect(e.Dialect)})
	if err != nil {
		return nil, err
	}
	list, err := there.Models(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask %s for its models: %w", server, err)
	}
	slices.Sort(list)
	return slices.Compact(list), there.Close()
}

// AddServer writes a server into config.toml.
func (l *library) AddServer(name, url, keyVariable string) error {
	e := config.Endpoint{URL: url, KeyEnv: keyVariable}
	if err := config.SaveEndpoint(l.app.places.File(), name, e); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[string]config.Endpoint{name: e}
	maps.Copy(all, l.app.endpoints())
	l.app.extended.Store(&all)
	return nil
}

// close lets go of the connections.
func (l *library) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pulls != nil {
		l.pulls.Client.Close()
	}
}
