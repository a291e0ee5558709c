package library

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/toolprompt"
	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/models"
)

// PoolOptions configure a pool.
type PoolOptions struct {
	Default string             // REF of the model for requests that name none
	Aliases map[string]string  // further names, which may have a *, and the REFs they stand for
	Load    engine.LoadOptions // of all models
	// Memory bounds the memory of all models together, in bytes. 0: most of what the
	// machine has.
	Memory int64
	// NativeTools leaves requests with tools to the models whose templates have a place for
	// them. Otherwise tools are described to other models in the system prompt.
	NativeTools bool
}

// A Pool opens models by name for a server, and keeps them open.
type Pool struct {
	library *Library
	options PoolOptions
	workers workers

	named bool // the caller named the default: it answers all modes

	mu    sync.Mutex
	open  map[string]openModel // by REF
	known map[string]facts     // by file and time of its change
	names map[string]resolved
	found map[string]foundModel // by REF
	modes map[string]resolved   // the defaults of modes, by their names

	starting sync.Mutex           // held while room is made for a model and its worker starts
	used     map[string]time.Time // last request, by file; under mu
}

// A ServedModel is a model that a server offers.
type ServedModel struct {
	Name    string
	Aliases []string // names without a *
	Default bool
	Created time.Time // zero for a model of another server
	Can     engine.Capabilities
	Context int // tokens that a request can have; 0 if unknown
	Loaded  bool
	Memory  int64     // that it takes while it is loaded, in bytes; 0 if unknown
	Leaves  time.Time // when it leaves memory if it gets no request; zero: it stays

	ref string // what opens it
}

// An openModel is an engine that requests use.
type openModel struct {
	engine.Engine
	worker *worker.Engine // that runs it; nil for a model of another server
}

// facts are what a model file says about requests.
type facts struct {
	can     engine.Capabilities
	context int // tokens that the model was trained on
	bytes   int64
	about   gguf.Summary
}

// NewPool makes a pool.
func (l *Library) NewPool(o PoolOptions) *Pool {
	named := o.Default != ""
	if c := l.Choose("chat", o.Default); !filepath.IsAbs(c.Ref) {
		o.Default = c.Ref // clients need not know where a file is
	}
	if m, err := l.Find(o.Default); err == nil && o.Default != "" {
		// An alias may stand for a file outside the models, by the name that it is served under.
		o.Aliases = maps.Clone(o.Aliases)
		for alias, to := range o.Aliases {
			if strings.EqualFold(to, m.Name) {
				o.Aliases[alias] = o.Default
			}
		}
	}
	return &Pool{
		library: l, options: o, workers: realWorkers{}, named: named,
		open: map[string]openModel{}, known: map[string]facts{}, names: map[string]resolved{}, found: map[string]foundModel{},
		modes: map[string]resolved{}, used: map[string]time.Time{},
	}
}

// Check reports why the default model cannot be opened, or nil.
func (p *Pool) Check() error {
	if p.library.IsRemote(p.options.Default) {
		return nil
	}
	_, err := p.library.Find(p.options.Default)
	return err
}

// Engine opens a model. Requests may name the installed models, the default and the aliases:
// paths and endpoints are for the user, not for every program. It waits for a place in
// memory if other models are busy, but not for the model's loading. If the model was not open
// it calls loading once.
func (p *Pool) Engine(ctx context.Context, name string, loading func(fraction float64)) (engine.Engine, error) {
	ref, err := p.resolve(name)
	if err != nil {
		return nil, err
	}
	e, err := p.openRef(ctx, ref, loading)
	if err != nil {
		return nil, err
	}
	return e.Engine, nil
}

func (p *Pool) openRef(ctx context.Context, ref string, loading func(float64)) (openModel, error) {
	m := models.Model{}
	if p.library.options.Engine == nil && !p.library.IsRemote(ref) {
		var err error
		if m, err = p.find(ref); err != nil {
			return openModel{}, err
		}
	}
	if e, ok := p.opened(ref, m.Path); ok {
		return e, nil
	}
	p.starting.Lock()
	defer p.starting.Unlock()
	if e, ok := p.opened(ref, m.Path); ok {
		return e, nil
	}
	if m.Path != "" {
		if err := p.makeRoom(ctx, m); err != nil {
			return openModel{}, err
		}
	}
	// Starting a worker does not wait for the model: the request does that.
	e, err := p.library.Open(ctx, ref, p.options.Load)
	if err != nil {
		return openModel{}, err
	}
	loading(0)
	opened := openModel{}
	opened.worker, _ = e.(*worker.Engine)
	described := &known{Engine: e}
	if m.Path != "" {
		described.file = sync.OnceValue(func() engine.Info { return p.beforeLoading(ref, m) })
	}
	opened.Engine = described
	if !p.options.NativeTools {
		opened.Engine = toolprompt.New(opened.Engine, m.Path != "" && !p.facts(m).can.Tools)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if old, ok := p.open[ref]; ok {
		old.Close()
	}
	p.open[ref], p.used[m.Path] = opened, time.Now()
	return opened, nil
}

// beforeLoading is what is known of a model that is not loaded.
func (p *Pool) beforeLoading(ref string, m models.Model) engine.Info {
	info := p.infoOf(ref, m)
	info.PromptVersion = formatOf(m)
	return info
}

// opened returns an engine whose worker is surely there, and notes its use. A worker that
// was idle for long may have left, and needs room again.
func (p *Pool) opened(ref, path string) (openModel, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.open[ref]
	if !ok {
		return e, false
	}
	used, ok := p.used[path]
	if path != "" && (!ok || time.Since(used) > p.keepAlive()-time.Second) {
		return e, false
	}
	p.used[path] = time.Now()
	return e, true
}

// keepAlive is how long a worker stays, for ever counting as long.
func (p *Pool) keepAlive() time.Duration {
	keep := p.library.options.Config.KeepAlive
	switch {
	case keep == nil, *keep == 0:
		return worker.DefaultKeepAlive
	case *keep < 0:
		return 24 * time.Hour
	}
	return *keep
}

// KeepAlive sets how long a model stays in memory after its last request; 0 is not at all, a
// negative time for ever. It opens the model if it is not open.
func (p *Pool) KeepAlive(ctx context.Context, name string, d time.Duration) error {
	ref, err := p.resolve(name)
	if err != nil {
		return err
	}
	e, err := p.openRef(ctx, ref, func(float64) {})
	if err != nil {
		return err
	}
	if e.worker == nil {
		return nil // a server decides for itself
	}
	if d == 0 {
		d = time.Nanosecond
	}
	if d > 0 && d < p.keepAlive() {
		p.forget(ref) // it leaves earlier than opened expects
	}
	return e.worker.Keep(ctx, d)
}

// forget makes the next request for a model look for its worker again.
func (p *Pool) forget(ref string) {
	m, err := p.library.Find(ref)
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.used, m.Path)
}

// Preload opens a model and waits until it is loaded.
func (p *Pool) Preload(ctx context.Context, name string) error {
	e, err := p.Engine(ctx, name, func(float64) {})
	if err != nil {
		return fmt.Errorf("preload %s: %w", name, err)
	}
	text := ""
	if _, err := e.Tokenize(ctx, engine.TokenizeRequest{Text: &text}); err != nil && fault.KindOf(err) != fault.Unsupported {
		return fmt.Errorf("preload %s: %w", name, err)
	}
	return nil
}

// Models lists the installed models and the default model.
func (p *Pool) Models(ctx context.Context) ([]ServedModel, error) {
	list, err := p.served()
	if err != nil {
		return nil, err
	}
	statuses, err := p.workers.list(ctx)
	if err != nil {
		return nil, err
	}
	for i, m := range list {
		for alias, ref := range p.options.Aliases {
			if !strings.Contains(alias, "*") && (ref == m.ref || strings.EqualFold(ref, m.Name)) {
				list[i].Aliases = append(list[i].Aliases, alias)
			}
		}
		slices.Sort(list[i].Aliases)
		if p.library.IsRemote(m.ref) {
			list[i].Loaded = true // as far as this machine knows
			continue
		}
		file, err := p.library.Find(m.ref)
		if err != nil {
			continue
		}
		for _, s := range statuses {
			if s.Path == file.Path && (s.State == worker.Idle || s.State == worker.Answering) {
				list[i].Loaded, list[i].Memory, list[i].Leaves = true, s.Memory, s.LeavesAt
				if s.LeavesAt.IsZero() && s.KeepAlive >= 0 { // it is answering
					list[i].Leaves = time.Now().Add(s.KeepAlive)
				}
				if s.Context > 0 {
					list[i].Context = s.Context
				}
			}
		}
	}
	return list, nil
}

// served lists what can be asked for, without looking at workers: the installed models, the
// default, and what aliases stand for.
func (p *Pool) served() ([]ServedModel, error) {
	list, err := p.library.Store().List()
	if err != nil {
		return nil, err
	}
	var out []ServedModel
	for _, m := range list {
		if m.Problem == nil {
			out = append(out, p.describe(m, m.Name))
		}
	}
	if p.options.Default == "" {
		if m, err := p.library.Find(""); err == nil {
			for i := range out {
				out[i].Default = out[i].Name == m.Name
			}
		}
	} else if i := p.include(&out, list, p.options.Default); i >= 0 {
		out[i].Default = true
	}
	if !p.named {
		for _, c := range p.library.Choices() {
			if c.Err == nil && c.Ref != "" {
				p.include(&out, list, c.Ref)
			}
		}
	}
	for _, alias := range slices.Sorted(maps.Keys(p.options.Aliases)) {
		p.include(&out, list, p.options.Aliases[alias])
	}
	return out, nil
}

// include adds the model that a REF names, unless it is there. It returns its place, or -1 if
// there is no such model.
func (p *Pool) include(out *[]ServedModel, installed []models.Model, ref string) int {
	for i, s := range *out {
		if s.ref == ref {
			return i
		}
	}
	for _, m := range installed {
		if m.Problem == nil && m.HasName(ref) {
			return slices.IndexFunc(*out, func(s ServedModel) bool { return s.ref == m.Name })
		}
	}
	if p.library.IsRemote(ref) {
		*out = append(*out, ServedModel{Name: ref, Can: engine.Capabilities{Chat: true}, ref: ref})
		return len(*out) - 1
	}
	m, err := p.library.Find(ref)
	if err != nil {
		return -1
	}
	// It has the short name of its file. An installed model of that name cannot be asked for
	// then: the REF says which one is meant.
	*out = slices.DeleteFunc(*out, func(s ServedModel) bool { return strings.EqualFold(s.Name, m.Name) })
	*out = append(*out, p.describe(m, ref))
	return len(*out) - 1
}

func (p *Pool) describe(m models.Model, ref string) ServedModel {
	f := p.facts(m)
	s := ServedModel{Name: m.Name, Created: m.Modified, Can: f.can, Context: f.context, ref: ref}
	if p.options.Load.Context > 0 {
		s.Context = min(s.Context, p.options.Load.Context)
	}
	s.Can.Tools = s.Can.Tools || s.Can.Chat && !p.options.NativeTools
	return s
}

// Info describes a model from the header of its file, without loading it.
func (p *Pool) Info(ctx context.Context, name string) (engine.Info, error) {
	ref, err := p.resolve(name)
	if err != nil {
		return engine.Info{}, err
	}
	if p.library.IsRemote(ref) {
		e, err := p.Engine(ctx, name, func(float64) {})
		if err != nil {
			return engine.Info{}, err
		}
		return e.Info(), nil
	}
	m, err := p.find(ref)
	if err != nil {
		return engine.Info{}, err
	}
	return p.infoOf(ref, m), nil
}

func (p *Pool) infoOf(ref string, m models.Model) engine.Info {
	s, about := p.describe(m, ref), p.facts(m).about
	return engine.Info{
		Model: s.Name, Path: m.Path, Architecture: about.Architecture, Quantization: about.FileType,
		Parameters: about.Parameters, Size: m.Size, Vocabulary: about.Vocabulary, EmbeddingSize: about.Width,
		ContextLength: s.Context, ContextTrain: about.Context, Can: s.Can,
	}
}

func (p *Pool) facts(m models.Model) facts {
	key := fmt.Sprint(m.Path, m.Modified)
	p.mu.Lock()
	defer p.mu.Unlock()
	f, ok := p.known[key]
	if !ok {
		f = p.library.facts(m, p.options.Load)
		p.known[key] = f
	}
	return f
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
