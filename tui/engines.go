package tui

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/bise-sh/bise/tui/kit"

	tea "charm.land/bubbletea/v2"
	"github.com/bise-sh/bise/engine"
)

// engines are the models that the interface works with. Each is opened once, in
// the background, and closed with the interface.
type engines struct {
	ctx    context.Context
	open   func(context.Context, string, engine.LoadOptions) (engine.Engine, error)
	loaded func(context.Context, engine.Engine) (float64, error)
	models map[string]*model // by REF
	ledger *ledger
}

// A ledger has the engines that have to be closed; commands add to them.
type ledger struct {
	mu     sync.Mutex
	list   []engine.Engine
	closed bool
}

// A model is one that somebody wants to use.
type model struct {
	ref     string
	try     int // counts the times it was opened
	options engine.LoadOptions
	state   modelState
	loaded  float64 // share, while it is loading; below 0 while unknown
	engine  engine.Engine
	info    engine.Info
	err     error
}

type modelState int

const (
	opening modelState = iota
	loading
	ready
	failed
)

func newEngines(
	ctx context.Context,
	open func(context.Context, string, engine.LoadOptions) (engine.Engine, error),
	loaded func(context.Context, engine.Engine) (float64, error),
) *engines {
	return &engines{ctx: ctx, open: open, loaded: loaded, models: map[string]*model{}, ledger: &ledger{}}
}

// modelOpened tells that an engine is there, though it may be loading.
type modelOpened struct {
	ref    string
	try    int
	engine engine.Engine
	err    error
}

// modelLoading tells how far a model's loading is, modelReady that it is done.
type modelLoading struct {
	ref  string
	try  int
	part float64
}

type modelReady struct {
	ref  string
	try  int
	info engine.Info
	err  error
}

// modelsAsked asks for the list of models, and modelChosen is the one that the
// current mode is to go on with.
type (
	modelsAsked  struct{}
	contextAsked struct{}
	modelChosen  struct{ ref string }
)

// use gives the model of a REF, and the command that opens it if nobody has.
func (e *engines) use(ref string) (*model, tea.Cmd) {
	if m, ok := e.models[ref]; ok && m.state != failed {
		return m, nil
	}
	return e.reopen(ref, engine.LoadOptions{})
}

// reopen opens a model once more: with other options, or after it failed.
func (e *engines) reopen(ref string, o engine.LoadOptions) (*model, tea.Cmd) {
	m, ok := e.models[ref]
	if !ok {
		m = &model{ref: ref}
		e.models[ref] = m
	}
	m.try++
	m.options, m.state, m.loaded, m.err, m.engine = o, opening, -1, nil, nil
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
		return modelOpened{ref, try, eng, err}
	}
}

// update takes the news of models.
func (e *engines) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case modelOpened:
		m := e.models[msg.ref]
		if m == nil || m.try != msg.try {
			return nil
		}
		if msg.err != nil {
			m.state, m.err = failed, msg.err
			return nil
		}
		m.state, m.engine = loading, msg.engine
		return watch(e.ctx, m.ref, m.try, m.engine, e.loaded)
	case modelLoading:
		m := e.models[msg.ref]
		if m == nil || m.try != msg.try || m.state != loading {
			return nil
		}
		m.loaded = msg.part
		return watch(e.ctx, m.ref, m.try, m.engine, e.loaded)
	case modelReady:
		m := e.models[msg.ref]
		if m == nil || m.try != msg.try {
			return nil
		}
		m.state, m.info, m.err = ready, msg.info, msg.err
		if msg.err != nil {
			m.state = failed
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
			return modelReady{ref, try, e.Info(), nil}
		}
		part, err := loaded(ctx, e)
		if err != nil {
			return modelReady{ref, try, engine.Info{}, err}
		}
		if part >= 1 {
			return modelReady{ref, try, e.Info(), nil}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(watchEvery):
			return modelLoading{ref, try, part}
		}
	}
}

// name is what people call the model.
func (m *model) name() string {
	switch {
	case m.info.Model != "":
		return kit.OneLine(m.info.Model)
	case m.ref == "":
		return "the model"
	}
	if base, ok := strings.CutSuffix(m.ref, ".gguf"); ok {
		return kit.OneLine(filepath.Base(base))
	}
	return kit.OneLine(m.ref)
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
