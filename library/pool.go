package library

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/models"
)

// A Pool opens models by name for a server, and keeps them open.
type Pool struct {
	library *Library
	ref     string // the model for requests that name none
	load    engine.LoadOptions

	mu    sync.Mutex
	open  map[string]engine.Engine
	known map[string]engine.Capabilities // by file and time of its change
}

// A ServedModel is a model that a server offers.
type ServedModel struct {
	Name    string
	Created time.Time // zero for a model of another server
	Can     engine.Capabilities
}

// NewPool makes a pool whose default model is the one that ref chooses.
func (l *Library) NewPool(ref string, load engine.LoadOptions) *Pool {
	if c := l.Choose("chat", ref); !filepath.IsAbs(c.Ref) {
		ref = c.Ref // clients need not know where a file is
	}
	return &Pool{library: l, ref: ref, load: load, open: map[string]engine.Engine{}, known: map[string]engine.Capabilities{}}
}

// Check reports why the default model cannot be opened, or nil.
func (p *Pool) Check() error {
	if p.library.IsRemote(p.ref) {
		return nil
	}
	_, err := p.library.Find(p.ref)
	return err
}

// Engine opens a model. Requests may name the installed models and the default:
// paths and endpoints are for the user, not for every program.
func (p *Pool) Engine(ctx context.Context, name string) (engine.Engine, error) {
	ref := p.ref
	if name != "" && name != ref {
		list, err := p.library.Store().List()
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(list, func(m models.Model) bool { return m.HasName(name) }) {
			return nil, fault.Advise(fault.Errorf(fault.NotFound, "there is no model %.200q", name), "GET /v1/models lists the models.")
		}
		ref = name
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.open[ref]; e != nil {
		return e, nil
	}
	// Starting a worker does not wait for the model: the request does that.
	e, err := p.library.Open(ctx, ref, p.load)
	if err == nil {
		p.open[ref] = e
	}
	return e, err
}

// Models lists the installed models and the default model.
func (p *Pool) Models() ([]ServedModel, error) {
	list, err := p.library.Store().List()
	if err != nil {
		return nil, err
	}
	var out []ServedModel
	named := p.ref == ""
	for _, m := range list {
		if m.Problem != nil {
			continue
		}
		named = named || m.HasName(p.ref)
		out = append(out, ServedModel{m.Name, m.Modified, p.capabilities(m)})
	}
	if !named {
		s := ServedModel{Name: p.ref, Can: engine.Capabilities{Chat: true}}
		if m, err := p.library.Find(p.ref); err == nil && !p.library.IsRemote(p.ref) {
			s.Created, s.Can = m.Modified, p.capabilities(m)
		}
		out = append(out, s)
	}
	return out, nil
}

func (p *Pool) capabilities(m models.Model) engine.Capabilities {
	key := fmt.Sprint(m.Path, m.Modified)
	p.mu.Lock()
	defer p.mu.Unlock()
	can, ok := p.known[key]
	if !ok {
		can = capabilities(m)
		p.known[key] = can
	}
	return can
}

// Close closes the engines.
func (p *Pool) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, e := range p.open {
		errs = append(errs, e.Close())
	}
	clear(p.open)
	return errors.Join(errs...)
}
