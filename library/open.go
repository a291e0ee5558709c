package library

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/remote"
	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/models"
)

// Open opens the model that ref names, or that of chat if ref is empty: a model of an
// endpoint, or a file in a worker process. It may return before the model is loaded; see
// [Loaded].
func (l *Library) Open(ctx context.Context, ref string, o engine.LoadOptions) (engine.Engine, error) {
	if l.options.Engine != nil {
		return l.options.Engine(ctx, ref, o)
	}
	if ref == "" {
		if c := l.Choose("chat", ""); c.Err == nil {
			ref = c.Ref
		}
	}
	if name, model, ok := l.splitEndpoint(ref); ok {
		return l.openEndpoint(ctx, name, model)
	}
	m, err := l.Find(ref)
	if err != nil {
		return nil, err
	}
	return l.openFile(ctx, m, o)
}

// Find returns the model file that ref names, or that of chat if ref is empty.
func (l *Library) Find(ref string) (models.Model, error) {
	if ref == "" {
		c := l.Choose("chat", "")
		if c.Err != nil {
			return models.Model{}, c.Err
		}
		ref = c.Ref
	}
	m, err := l.Store().Find(ref)
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Kind != fault.NotFound {
		return m, err
	}
	better := *e
	if endpoints := l.Endpoints(); len(endpoints) > 0 && strings.Contains(ref, "/") {
		better.Advice += " Endpoints: " + strings.Join(slices.Sorted(maps.Keys(endpoints)), ", ") + "."
	}
	if l.canPull(ref) {
		better.Advice = fmt.Sprintf("Download it with bise pull %s.", ref)
	}
	return m, &better
}

func (l *Library) canPull(ref string) bool {
	c, err := l.Catalog()
	if err != nil {
		return false
	}
	m, _, err := c.Find(ref)
	return err == nil && m.Local()
}

func (l *Library) openFile(ctx context.Context, m models.Model, o engine.LoadOptions) (engine.Engine, error) {
	spec, err := l.Spec(m, o)
	if err != nil {
		return nil, err
	}
	launcher, err := l.options.Launch()
	if err != nil {
		return nil, err
	}
	_ = l.Store().MarkUsed(m)
	defer l.begin("starting " + m.Name)()
	w, err := worker.Open(ctx, spec, launcher)
	if err != nil {
		return nil, err
	}
	w.OnDone(func(d engine.Done) {
		if l.isDue(m.Path, d) {
			l.RecordRun(m, w.Info(), d)
		}
	})
	return w, nil
}

// Spec makes the specification of a worker.
func (l *Library) Spec(m models.Model, o engine.LoadOptions) (worker.Spec, error) {
	fingerprint, err := gguf.Fingerprint(m.Path)
	if err != nil {
		return worker.Spec{}, unreadable("load", m.Name, err)
	}
	o.StateDir = l.options.Places.KV
	if o.Projector == "" {
		o.Projector = m.Projector
	}
	if err := CheckAdapters(m, o); err != nil {
		return worker.Spec{}, err
	}
	for _, path := range m.Adapters {
		o.Adapters = append(o.Adapters, engine.Adapter{Path: path, Scale: 1})
	}
	if err := l.setEngine(&o, m.Name, m.Path); err != nil {
		return worker.Spec{}, err
	}
	spec := worker.Spec{Name: m.Name, Path: m.Path, Options: o, Fingerprint: fingerprint, Version: l.options.Build}
	if keep := l.options.Config.KeepAlive; keep != nil {
		spec.KeepAlive = *keep
	}
	return spec, nil
}

// CheckAdapters checks that the adapters in o are files with LoRA adapters for m.
func CheckAdapters(m models.Model, o engine.LoadOptions) error {
	if len(o.Adapters) == 0 {
		return nil
	}
	base, err := gguf.Read(m.Path)
	if err != nil {
		return unreadable("load", m.Name, err)
	}
	for _, a := range o.Adapters {
		if err := models.CheckAdapter(a.Path, base); err != nil {
			return err
		}
	}
	return nil
}

func (l *Library) openEndpoint(ctx context.Context, name, model string) (engine.Engine, error) {
	if model == "" {
		return nil, fault.Advise(fault.Errorf(fault.Usage, "%s/ names an endpoint but no model", name), "Write %s/MODEL.", name)
	}
	c, err := l.remoteConfig(ctx, name)
	if err != nil {
		return nil, err
	}
	c.Model, c.Retries = model, 2
	return remote.New(c)
}

// Loaded returns how much of an engine's model is loaded, 0 to 1, without waiting
// for it. Models of endpoints are always loaded.
func Loaded(ctx context.Context, e engine.Engine) (float64, error) {
	w, ok := e.(*worker.Engine)
	if !ok {
		return 1, nil
	}
	s, err := w.Status(ctx)
	switch {
	case err != nil:
		return 0, err
	case s.State == worker.Failed:
		return 0, fault.Errorf(fault.BadModel, "cannot load %s: %s", s.Name, s.LastError)
	case s.State == worker.Loading:
		return min(s.Loaded, 0.99), nil
	}
	return 1, nil
}

// LoadOptions returns the options that config.toml sets.
func LoadOptions(c config.Config) engine.LoadOptions {
	return engine.LoadOptions{Context: c.Context, Threads: c.Threads, GPULayers: c.GPULayers, KVType: c.KVType, FlashAttn: c.FlashAttn}
}

// Sampling returns the sampling that config.toml sets.
func Sampling(c config.Sampling) engine.Sampling {
	return engine.Sampling{
		Temperature: c.Temperature, TopP: c.TopP, TopK: c.TopK, MinP: c.MinP,
		RepeatPenalty: c.RepeatPenalty, PresencePenalty: c.PresencePenalty, FrequencyPenalty: c.FrequencyPenalty,
		Seed: c.Seed, MaxTokens: c.MaxTokens,
	}
}

// Effort returns the reasoning effort of config.toml for a model that has such a setting, or
// "".
func Effort(c config.Sampling, info engine.Info) string {
	if !info.HasEffort() {
		return ""
	}
	return c.ReasoningEffort
}

func unreadable(verb, name string, err error) error {
	return fault.Advise(fault.Errorf(fault.BadModel, "cannot %s %s: %w", verb, name, err), "Give the path of a complete GGUF file.")
}
