package engines

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/tui/kit"
)

// Engines are the models that the interface works with. Each is opened once, in
// the background, and closed with the interface.
type Engines struct {
	ctx    context.Context
	open   func(context.Context, string, engine.LoadOptions) (engine.Engine, error)
	loaded func(context.Context, engine.Engine) (float64, error)
	models map[string]*Model // by REF
	ledger *ledger
}

// A ledger has the engines that have to be closed; commands add to them.
type ledger struct {
	mu     sync.Mutex
	list   []engine.Engine
	closed bool
}

// A Model is one that somebody wants to use.
type Model struct {
	Ref     string
	try     int // counts the times it was opened
	Options engine.LoadOptions
	State   State
	Loaded  float64 // share, while it is loading; below 0 while unknown
	Engine  engine.Engine
	Info    engine.Info
	Err     error
}

type State int

const (
	Opening State = iota
	Loading
	Ready
	Failed
)

func New(
	ctx context.Context,
	open func(context.Context, string, engine.LoadOptions) (engine.Engine, error),
	loaded func(context.Context, engine.Engine) (float64, error),
) *Engines {
	return &Engines{ctx: ctx, open: open, loaded: loaded, models: map[string]*Model{}, ledger: &ledger{}}
}

// ModelOpened tells that an engine is there, though it may be loading.
type ModelOpened struct {
	Ref    string
	try    int
	engine engine.Engine
	Err    error
}

// ModelLoading tells how far a model's loading is, modelReady that it is done.
type ModelLoading struct {
	Ref   string
	try   int
	Share float64
}

type ModelReady struct {
	ref  string
	try  int
	info engine.Info
	err  error
}

// Use gives the model of a REF, and the command that opens it if nobody has.
func (e *Engines) Use(ref string) (*Model, tea.Cmd) {
	if m, ok := e.models[ref]; ok && m.State != Failed {
		return m, nil
	}
	return e.Reopen(ref, engine.LoadOptions{})
}

// Reopen opens a model once more: with other options, or after it failed.
func (e *Engines) Reopen(ref string, o engine.LoadOptions) (*Model, tea.Cmd) {
	m, ok := e.models[ref]
	if !ok {
		m = &Model{Ref: ref}
		e.models[ref] = m
	}
	m.try++
	m.Options, m.State, m.Loaded, m.Err, m.Engine = o, Opening, -1, nil, nil
	ctx, open, try, closer := e.ctx, e.open, m.try, e.ledger
	if open == nil {
		open = func(context.Context, string, engine.LoadOptions) (engine.Engine, error) {
			return nil, errors.New("there is nothing that could run a model")
		}
	}
	return m, func() tea.Msg {
		eng, err := open(ctx, ref, o)
		if err == nil && !closer.add(eng) {
			return nil
		}
		return ModelOpened{ref, try, eng, err}
	}
}

// Update takes the news of models.
func (e *Engines) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case ModelOpened:
		m := e.models[msg.Ref]
		if m == nil || m.try != msg.try {
			return nil
		}
		if msg.Err != nil {
			m.State, m.Err = Failed, msg.Err
			return nil
		}
		m.State, m.Engine = Loading, msg.engine
		return watch(e.ctx, m.Ref, m.try, m.Engine, e.loaded)
	case ModelLoading:
		m := e.models[msg.Ref]
		if m == nil || m.try != msg.try || m.State != Loading {
			return nil
		}
		m.Loaded = msg.Share
		return watch(e.ctx, m.Ref, m.try, m.Engine, e.loaded)
	case ModelReady:
		m := e.models[msg.ref]
		if m == nil || m.try != msg.try {
			return nil
		}
		m.State, m.Info, m.Err = Ready, msg.info, msg.err
		if msg.err != nil {
			m.State = Failed
		}
	}
	return nil
}

// watchEvery is how often a loading model is asked how far it is.
const watchEvery = 200 * time.Millisecond

// watch waits a moment for a model, and tells how far it is.
func watch(ctx context.Context, ref string, try int, e engine.Engine, loaded func(context.Context, engine.Engine) (float64, error)) tea.Cmd {
	return func() tea.Msg {
		if loaded == nil {
			return ModelReady{ref, try, e.Info(), nil}
		}
		part, err := loaded(ctx, e)
		if err != nil {
			return ModelReady{ref, try, engine.Info{}, err}
		}
		if part >= 1 {
			return ModelReady{ref, try, e.Info(), nil}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(watchEvery):
			return ModelLoading{ref, try, part}
		}
	}
}

// Name is what people call the model.
func (m *Model) Name() string {
	switch {
	case m.Info.Model != "":
		return kit.OneLine(m.Info.Model)
	case m.Ref == "":
		return "the model"
	}
	if base, ok := strings.CutSuffix(m.Ref, ".gguf"); ok {
		return kit.OneLine(filepath.Base(base))
	}
	return kit.OneLine(m.Ref)
}

// add keeps an engine for close; false when that is over, and the engine closed.
func (o *ledger) add(e engine.Engine) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		e.Close()
		return false
	}
	o.list = append(o.list, e)
	return true
}

// close closes all engines. Requests must have been cancelled before.
func (o *ledger) close() error {
	o.mu.Lock()
	o.closed = true
	list := o.list
	o.mu.Unlock()
	var errs []error
	for _, e := range list {
		errs = append(errs, e.Close())
	}
	return errors.Join(errs...)
}

// MarkRemoved has a model that was removed opened anew when somebody asks it again.
func (e *Engines) MarkRemoved(name string) {
	for _, m := range e.models {
		if m.called(name) {
			m.State, m.Engine, m.Err = Failed, nil, fault.Errorf(fault.NotFound, "%s was removed", name)
		}
	}
}

// called reports whether a model is the one of a name.
func (m *Model) called(name string) bool {
	return strings.EqualFold(m.Ref, name) || m.Ref == "" && m.Info.Model == name
}

// Find is the model of a name, nil when nobody has asked for it.
func (e *Engines) Find(name string) *Model {
	for _, m := range e.models {
		if m.called(name) && m.State != Failed {
			return m
		}
	}
	return nil
}

// Close closes the engines. Requests must have been cancelled before.
func (e *Engines) Close() error { return e.ledger.close() }
