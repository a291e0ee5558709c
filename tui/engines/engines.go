package engines

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/tui/kit"
)

// Engines opens models in the background, each once, and closes them with the interface.
type Engines struct {
	ctx    context.Context
	open   func(context.Context, string, engine.LoadOptions) (engine.Engine, error)
	loaded func(context.Context, engine.Engine) (float64, error)
	// choose returns the model of a mode, and endpoints the servers.
	choose    func(mode, ref string) library.Choice
	endpoints func() map[string]config.Endpoint
	models    map[string]*Model // by REF
	wrong     map[string]error  // REFs that were chosen and cannot be opened
	sent      map[string]bool   // servers that have got a message
	ledger    *ledger
}

// A ledger has the engines to close; commands add to it.
type ledger struct {
	mu     sync.Mutex
	list   []engine.Engine
	closed bool
}

// A Model is a model that the interface uses.
type Model struct {
	Ref     string
	Server  string // the endpoint that runs it; "": it runs here
	URL     string // of the server
	attempt int    // counts the attempts
	Options engine.LoadOptions
	State   State
	Loaded  float64 // share while loading; below 0: unknown
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

// New returns engines that open and choose opens; loaded, choose and endpoints may be nil.
func New(
	ctx context.Context,
	open func(context.Context, string, engine.LoadOptions) (engine.Engine, error),
	loaded func(context.Context, engine.Engine) (float64, error),
	choose func(mode, ref string) library.Choice,
	endpoints func() map[string]config.Endpoint,
) *Engines {
	if choose == nil {
		choose = func(mode, ref string) library.Choice { return library.Choice{Mode: mode, Ref: ref} }
	}
	return &Engines{
		ctx: ctx, open: open, loaded: loaded, choose: choose, endpoints: endpoints,
		models: map[string]*Model{}, wrong: map[string]error{}, sent: map[string]bool{}, ledger: &ledger{},
	}
}

// ModelChosen has the model that a mode uses.
type ModelChosen struct {
	library.Choice
	Asked bool // the user named it
}

// Choose is a command that finds the model of a mode, or the one that the user named in it.
func (e *Engines) Choose(mode, ref string) tea.Cmd {
	choose := e.choose
	return func() tea.Msg { return ModelChosen{choose(mode, ref), ref != ""} }
}

// Undecided stands for the model of a mode until it is chosen.
func Undecided() *Model { return &Model{Loaded: -1} }

// Undecided reports whether the model is not chosen yet.
func (m *Model) Undecided() bool { return m == nil || m.attempt == 0 }

// Announcement says that something goes to a server, until the first time that it does; ""
// for a model on this machine.
func (e *Engines) Announcement(m *Model, what string) string {
	if m == nil || m.Server == "" || e.sent[m.Server] {
		return ""
	}
	return fmt.Sprintf("%s %s to the server %s (%s).", library.RemoteMark, what, kit.OneLine(m.Server), kit.OneLine(m.URL))
}

// MarkSent notes that a model's server gets a message.
func (e *Engines) MarkSent(m *Model) {
	if m.Server != "" {
		e.sent[m.Server] = true
	}
}

// ModelOpened reports an engine, which may still be loading, or an error.
type ModelOpened struct {
	Ref     string
	attempt int
	engine  engine.Engine
	Err     error
}

// ModelLoading reports the progress of loading a model.
type ModelLoading struct {
	Ref     string
	attempt int
	Share   float64
}

// ModelReady reports that a model is loaded, or why not.
type ModelReady struct {
	ref     string
	attempt int
	info    engine.Info
	err     error
}

// Use returns the model of a REF, and the command that opens it if needed.
func (e *Engines) Use(ref string) (*Model, tea.Cmd) {
	if m, ok := e.models[ref]; ok && m.State != Failed {
		return m, nil
	}
	return e.Reopen(ref, engine.LoadOptions{})
}

// Reopen opens a model again, with other options or after an error.
func (e *Engines) Reopen(ref string, o engine.LoadOptions) (*Model, tea.Cmd) {
	m, ok := e.models[ref]
	if !ok {
		m = &Model{Ref: ref}
		if e.endpoints != nil {
			name, _, _ := strings.Cut(ref, "/")
			if s, ok := e.endpoints()[name]; ok && name != ref {
				m.Server, m.URL = name, s.URL
			}
		}
		e.models[ref] = m
	}
	m.attempt++
	m.Options, m.State, m.Loaded, m.Err, m.Engine = o, Opening, -1, nil, nil
	ctx, open, attempt, closer := e.ctx, e.open, m.attempt, e.ledger
	if err := e.wrong[ref]; err != nil {
		delete(e.wrong, ref)
		return m, func() tea.Msg { return ModelOpened{ref, attempt, nil, err} }
	}
	if open == nil {
		open = func(context.Context, string, engine.LoadOptions) (engine.Engine, error) {
			return nil, errors.New("no engine available")
		}
	}
	return m, func() tea.Msg {
		eng, err := open(ctx, ref, o)
		if err == nil && !closer.add(eng) {
			return nil
		}
		return ModelOpened{ref, attempt, eng, err}
	}
}

// Update handles messages about models.
func (e *Engines) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case ModelChosen:
		if msg.Err != nil && msg.Ref != "" && !msg.Asked {
			e.wrong[msg.Ref] = msg.Err
		}
	case ModelOpened:
		m := e.models[msg.Ref]
		if m == nil || m.attempt != msg.attempt {
			return nil
		}
		if msg.Err != nil {
			m.State, m.Err = Failed, msg.Err
			return nil
		}
		m.State, m.Engine = Loading, msg.engine
		return poll(e.ctx, m.Ref, m.attempt, m.Engine, e.loaded)
	case ModelLoading:
		m := e.models[msg.Ref]
		if m == nil || m.attempt != msg.attempt || m.State != Loading {
			return nil
		}
		m.Loaded = msg.Share
		return poll(e.ctx, m.Ref, m.attempt, m.Engine, e.loaded)
	case ModelReady:
		m := e.models[msg.ref]
		if m == nil || m.attempt != msg.attempt {
			return nil
		}
		m.State, m.Info, m.Err = Ready, msg.info, msg.err
		if msg.err != nil {
			m.State = Failed
		}
	}
	return nil
}

// pollInterval is the time between two progress reports.
const pollInterval = 200 * time.Millisecond

// poll reports the progress of a loading model after a moment.
func poll(ctx context.Context, ref string, attempt int, e engine.Engine, loaded func(context.Context, engine.Engine) (float64, error)) tea.Cmd {
	return func() tea.Msg {
		if loaded == nil {
			return ModelReady{ref, attempt, e.Info(), nil}
		}
		part, err := loaded(ctx, e)
		if err != nil {
			return ModelReady{ref, attempt, engine.Info{}, err}
		}
		if part >= 1 {
			return ModelReady{ref, attempt, e.Info(), nil}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pollInterval):
			return ModelLoading{ref, attempt, part}
		}
	}
}

// Label returns the name with the mark of a model on a server.
func (m *Model) Label() string {
	if m.Server == "" {
		return m.Name()
	}
	return library.RemoteMark + " " + m.Name()
}

// Name returns the name for display.
func (m *Model) Name() string {
	switch {
	case m.Server != "":
		return kit.OneLine(m.Ref)
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

// add adds an engine. After close it closes the engine and returns false.
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

// MarkRemoved marks a model as removed, so that the next use opens it again.
func (e *Engines) MarkRemoved(name string) {
	for _, m := range e.models {
		if m.hasName(name) {
			m.State, m.Engine, m.Err = Failed, nil, fault.Errorf(fault.NotFound, "%s was removed", name)
		}
	}
}

// hasName reports whether a model has a name.
func (m *Model) hasName(name string) bool {
	return strings.EqualFold(m.Ref, name) || m.Ref == "" && m.Info.Model == name
}

// Find returns the model with a name, or nil.
func (e *Engines) Find(name string) *Model {
	for _, m := range e.models {
		if m.hasName(name) && m.State != Failed {
			return m
		}
	}
	return nil
}

// Close closes the engines. Requests must have been cancelled before.
func (e *Engines) Close() error { return e.ledger.close() }
