package library

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/models/fit"
	"github.com/bise-sh/bise/models/licence"
)

// A CatalogEntry is a model of the catalogue, with how it fits this machine.
type CatalogEntry struct {
	catalog.Model
	Terms       *licence.Licence `json:"terms,omitempty"`
	Download    int64            `json:"download_bytes,omitempty"` // at the default type, with the projector
	Fit         *fit.Plan        `json:"fit,omitempty"`            // at the default type, on this machine
	Installed   bool             `json:"installed"`
	Measured    float64          `json:"measured_tokens_per_second,omitempty"` // if it has run here
	Recommended bool             `json:"recommended"`
	Suggested   string           `json:"-"` // why [Suggest] has it
}

// Catalog reads the catalogue with the user's changes. Problems with those are noted once.
func (l *Library) Catalog() (*catalog.Catalog, error) {
	c, problems, err := catalog.Load(filepath.Join(l.options.Places.Config, "catalog.toml"))
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range problems {
		if !l.noted[p] {
			l.noted[p] = true
			l.options.Note(fault.Sentence(p))
		}
	}
	return c, err
}

// Browse lists the models of the catalogue that match all words, with how each fits
// this machine.
func (l *Library) Browse(ctx context.Context, words ...string) ([]CatalogEntry, error) {
	c, err := l.Catalog()
	if err != nil {
		return nil, err
	}
	h := l.Machine(ctx)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	list, err := FitCatalog(c, c.Match(words...), h)
	installed, runs := l.installedNames(), l.runs()
	for i := range list {
		m, ok := installed[list[i].Name]
		list[i].Installed = ok
		if best, ran := speedOf(runs, m); ok && ran {
			list[i].Measured = best.Rate
		}
	}
	return list, err
}

// FitCatalog plans some models of a catalogue for a machine.
func FitCatalog(c *catalog.Catalog, models []catalog.Model, h fit.Machine) ([]CatalogEntry, error) {
	best, _ := fit.Recommend(c.All(), h, engine.LoadOptions{})
	var list []CatalogEntry
	for _, m := range models {
		e := CatalogEntry{Model: m, Recommended: m.Name == best.Name}
		if terms, ok := m.Terms(); ok {
			e.Terms = &terms
		}
		if original, ok := fit.FromCatalog(m); ok && m.Local() {
			usual, err := original.Quantized(catalog.DefaultType)
			if err != nil {
				return nil, err
			}
			plan := usual.Plan(h, engine.LoadOptions{})
			e.Download, e.Fit = usual.DownloadSize(m), &plan
		}
		list = append(list, e)
	}
	return list, nil
}

// installedNames returns the installed models by the names of their manifests; of several
// tags the first.
func (l *Library) installedNames() map[string]models.Model {
	names := map[string]models.Model{}
	list, _ := l.Store().List()
	for _, m := range list {
		if m.Manifest == nil {
			continue
		}
		if _, ok := names[m.Manifest.Name]; !ok {
			names[m.Manifest.Name] = m
		}
	}
	return names
}

// CheckRunnable returns an error if this engine cannot run a model; the advice names a
// server that can.
func (l *Library) CheckRunnable(m catalog.Model) error {
	err := m.CheckRunnable()
	e, ok := errors.AsType[*fault.Error](err)
	if server := serverOf(m); ok && server != "" {
		name, _, _ := strings.Cut(server, "/")
		e.Advice = fmt.Sprintf("Use a server: add endpoints.%s to %s, then run bise ask -m %s.", name, l.options.Places.File(), server)
		if _, ok := l.Endpoints()[name]; ok {
			e.Advice = fmt.Sprintf("Use a server: bise ask -m %s.", server)
		}
	}
	return err
}

// serverOf returns the REF of a model on a server, or "".
func serverOf(m catalog.Model) string {
	if len(m.Remote) > 0 {
		return "plateforme/" + m.Remote[0]
	}
	if _, name, ok := strings.Cut(m.Repo, "/"); ok {
		return "lab/" + name
	}
	return ""
}

// A Fit says how a model fits this machine.
type Fit struct {
	Model   string      `json:"model"`
	Title   string      `json:"title,omitempty"`
	Machine fit.Machine `json:"machine"`
	Plans   []fit.Plan  `json:"plans"` // the largest first
	Best    *fit.Plan   `json:"best,omitempty"`
	Pull    string      `json:"-"` // the REF that downloads the best; "" if it is installed
}

// Fit plans a model of the catalogue, with or without a type, or a file.
func (l *Library) Fit(ctx context.Context, ref string, o engine.LoadOptions) (Fit, error) {
	f := Fit{Machine: l.Machine(ctx)}
	if ctx.Err() != nil {
		return f, context.Cause(ctx)
	}
	c, err := l.Catalog()
	if err != nil {
		return f, err
	}
	parsed, err := models.ParseRef(ref)
	if err != nil {
		return f, err
	}
	if parsed.Scheme == models.ByName {
		m, kind, err := c.Find(ref)
		if err == nil {
			err := l.fitCatalogued(&f, m, kind, o)
			return f, err
		}
		if _, missing := l.Find(ref); missing != nil {
			return f, err // the catalogue gives better advice
		}
	}
	m, err := l.Find(ref)
	if err != nil {
		return f, err
	}
	file, err := gguf.Read(m.Path)
	if err != nil {
		return f, err
	}
	best, _ := speedOf(l.runs(), m)
	p := withRun(needs(m, file).Plan(f.Machine, o), best)
	f.Model, f.Plans, f.Best = m.Name, []fit.Plan{p}, &p
	return f, nil
}

func (l *Library) fitCatalogued(f *Fit, m catalog.Model, kind string, o engine.LoadOptions) error {
	if err := l.CheckRunnable(m); err != nil {
		return err
	}
	f.Model, f.Title = m.Name, m.Title
	original, ok := fit.FromCatalog(m)
	if !ok {
		return fault.Errorf(fault.Internal, "the catalogue does not say how large %s is", m.Name)
	}
	if kind != "" {
		quantized, err := original.Quantized(kind)
		if err != nil {
			return err
		}
		p := quantized.Plan(f.Machine, o)
		f.Plans, f.Best = []fit.Plan{p}, &p
	} else {
		plans, err := fit.Plans(original, f.Machine, o)
		if err != nil {
			return err
		}
		best, err := original.Best(f.Machine, o)
		if err != nil {
			return err
		}
		f.Plans, f.Best = plans, &best
	}
	for i, p := range f.Plans {
		if have, ok := l.Store().Installed(m.Name, strings.ToLower(p.Type)); ok {
			best, _ := speedOf(l.runs(), have)
			f.Plans[i] = withRun(p, best)
			if f.Best.Type == p.Type {
				*f.Best = f.Plans[i]
			}
		}
	}
	f.Pull = m.Name + ":" + strings.ToLower(f.Best.Type)
	return nil
}
