package pull

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/bise-sh/bise/downloader"
	"github.com/bise-sh/bise/downloader/huggingface"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/models/convert"
	"github.com/bise-sh/bise/models/fit"
	"github.com/bise-sh/bise/models/licence"
	"github.com/bise-sh/bise/models/quantize"
)

// Plan finds out what somebody means and what it takes to have it here. It reads
// listings and texts of licences, and no weights. Errors are of package engine or
// downloader.
func (p *Puller) Plan(ctx context.Context, r Request) (*Plan, error) {
	ref, err := models.ParseRef(r.Ref)
	if err != nil {
		return nil, err
	}
	if r.Type != "" {
		t, err := quantize.ParseType(r.Type)
		if err != nil {
			return nil, err
		}
		r.Type = t.Name
	}
	plan := &Plan{Request: r, Download: -1}
	switch ref.Scheme {
	case models.ByName:
		err = p.planName(ctx, plan, ref)
	case models.HuggingFace:
		err = p.planRepo(ctx, plan, ref)
	case models.Ollama:
		err = p.planImage(ctx, plan, ref)
	default:
		e := engine.Errorf(engine.Invalid, "cannot pull %s: it is no model of a hub", r.Ref)
		e.Advice = "Name a model of bise catalog, or a repository such as hf:owner/repo. What is on this machine is taken in with bise import."
		return nil, e
	}
	if err != nil {
		return nil, err
	}
	if plan.Installed != nil {
		return plan, nil
	}
	p.lend(plan)
	plan.total()
	p.remember(plan, p.earlier(plan).Manifest.Licence)
	return plan, plan.tooBig(p.Machine)
}

// here looks whether the model is installed already.
func (p *Puller) here(plan *Plan) bool {
	m, ok := p.Store.Installed(plan.Name, plan.Tag)
	if ok && !plan.Request.Again {
		plan.Installed = &m
	}
	return plan.Installed != nil
}

// earlier is the record of an unfinished pull of the same, an empty one where there
// is none.
func (p *Puller) earlier(plan *Plan) *record {
	if rec, ok := readRecord(p.Store.Staging(plan.Name, plan.Tag)); ok && rec.Request.Ref == plan.Request.Ref && rec.Request.FromSource == plan.Request.FromSource {
		return rec
	}
	return &record{}
}

// planName plans a model of the catalogue.
func (p *Puller) planName(ctx context.Context, plan *Plan, ref models.Ref) error {
	name := ref.Name
	if ref.Tag != "" {
		name += ":" + ref.Tag
	}
	m, kind, err := p.Catalog.Find(name)
	if err != nil {
		return err
	}
	if err := m.CannotRun(); err != nil {
		return err
	}
	t, err := quantize.ParseType(cmp.Or(plan.Request.Type, kind, catalog.DefaultType))
	if err != nil {
		return err
	}
	plan.Name, plan.Tag, plan.Title, plan.Type = m.Name, strings.ToLower(t.Name), m.Title, t.Name
	plan.Terms, _ = m.Terms()
	for _, a := range m.Can {
		plan.Can = append(plan.Can, string(a))
	}
	if p.here(plan) {
		return nil
	}
	if whole, ok := fit.Catalogued(m); ok && p.Machine != nil {
		at, err := whole.As(t.Name)
		if err != nil {
			return err
		}
		f := at.On(*p.Machine, engine.LoadOptions{})
		plan.Fit = &f
	}
	if rec := p.earlier(plan); rec.did(Fetching) {
		plan.resume(rec)
		return nil
	}
	found := false
	if !plan.Request.FromSource {
		if found, err = p.ready(ctx, plan, m); err != nil {
			return err
		}
	}
	if !found {
		if err := p.original(ctx, plan, m.Repo); err != nil {
			return err
		}
		if whole, ok := fit.Catalogued(m); ok {
			small, err := whole.As(t.Name)
			if err != nil {
				return err
			}
			plan.making(whole.Bytes(), small.Bytes())
		}
	}
	return p.text(ctx, plan, m.Repo)
}

// resume takes over what an earlier run has fetched, of which nothing has to be
// asked any more.
func (plan *Plan) resume(rec *record) {
	plan.Source, plan.Quantize = rec.Manifest.Source, rec.Quantize
	plan.Convert = plan.Request.FromSource
	for _, f := range rec.Files {
		plan.Convert = plan.Convert || f.Role == ""
		plan.Parts = append(plan.Parts, Part{f.Name, f.Role, downloader.File{Name: f.Name, Size: f.Size, Hash: downloader.Hash(f.Hash)}})
	}
	plan.Text = nil
	plan.Accepted = rec.Manifest.Licence.Accepted
	plan.resumed = rec.Manifest.Licence.TextSHA256
}

// ready looks for a file that others have made, in the repositories that the
// catalogue knows; found is false where none has the type.
func (p *Puller) ready(ctx context.Context, plan *Plan, m catalog.Model) (found bool, _ error) {
	type want struct{ repo, file, sum string }
	var wants []want
	if f, ok := m.File(plan.Type); ok {
		wants = append(wants, want{f.Repo, f.Path, f.SHA256})
	}
	for _, repo := range m.GGUF {
		wants = append(wants, want{repo, plan.Type, ""})
	}
	for i, w := range wants {
		repo, err := p.open(ctx, plan, w.repo)
		if err == nil {
			var g huggingface.GGUF
			if g, err = repo.GGUF(w.file); err == nil {
				if err := p.take(ctx, plan, repo, g, m.Does(catalog.Vision)); err != nil {
					return false, err
				}
				if hash, _ := downloader.SHA256(w.sum); w.sum != "" && plan.Parts[0].Hash != hash {
					plan.Warnings = append(plan.Warnings, fmt.Sprintf("%s has another %s than the catalogue knows.", w.repo, w.file))
				}
				return true, nil
			}
		}
		// What is not there may be in the next one, or be made.
		if e, ok := errors.AsType[*downloader.Error](err); !ok || e.Kind != downloader.Missing && (e.Kind != downloader.Denied || i == len(wants)-1) {
			return false, err
		}
	}
	return false, nil
}

// open opens a repository, at the commit of an earlier run where there was one.
func (p *Puller) open(ctx context.Context, plan *Plan, id string) (*huggingface.Repo, error) {
	if p.Hub == nil {
		return nil, errors.New("pull: there is no hub")
	}
	revision := ""
	if s := p.earlier(plan).Manifest.Source; strings.EqualFold(s.Repo, id) {
		revision = s.Revision
	}
	return p.Hub.Open(ctx, id, revision)
}

// take plans a file that is ready, and its vision tower.
func (p *Puller) take(ctx context.Context, plan *Plan, repo *huggingface.Repo, g huggingface.GGUF, sees bool) error {
	entries := g.Weights
	roles := make([]models.Role, len(entries))
	for i := range roles {
		roles[i] = models.Weights
	}
	switch {
	case g.Projector != nil:
		entries, roles = append(entries[:len(entries):len(entries)], *g.Projector), append(roles, models.Projector)
	case sees:
		plan.Warnings = append(plan.Warnings, fmt.Sprintf("%s has no vision tower: the model will not see pictures.", repo.ID))
	}
	return p.parts(ctx, plan, repo, entries, roles)
}

// original plans a model's original weights.
func (p *Puller) original(ctx context.Context, plan *Plan, id string) error {
	repo, err := p.open(ctx, plan, id)
	if err != nil {
		return err
	}
	return p.weights(ctx, plan, repo)
}

// weights plans the conversion of a repository's original weights.
func (p *Puller) weights(ctx context.Context, plan *Plan, repo *huggingface.Repo) error {
	source, err := repo.Source(ctx)
	if err != nil {
		return err
	}
	if err := supported(ctx, plan, repo, source); err != nil {
		return err
	}
	plan.Convert = true
	if !converted(plan.Type) {
		plan.Quantize = plan.Type
	}
	var size int64
	for _, e := range source.Weights {
		size += e.Size
	}
	plan.making(size, size/2)
	entries := append(source.Weights[:len(source.Weights):len(source.Weights)], source.Rest...)
	return p.parts(ctx, plan, repo, entries, make([]models.Role, len(entries)))
}

// supported looks whether a model's configuration is of one that can be converted,
// before its weights are fetched.
func supported(ctx context.Context, plan *Plan, repo *huggingface.Repo, source huggingface.Source) error {
	name := "config.json"
	if source.Layout == huggingface.Native {
		name = "params.json"
	}
	entry, ok := repo.Entry(name)
	if !ok {
		return nil // the converter says what is missing
	}
	const most = 1 << 20 // bytes
	config, err := repo.Read(ctx, entry, most)
	if err != nil {
		return err
	}
	if err := convert.Supports(name, config); err != nil {
		e := engine.Errorf(engine.Unsupported, "cannot pull %s: %w", plan.Name, err)
		e.Advice = "Look for it as GGUF, or choose another model from bise catalog."
		return e
	}
	return nil
}

// converted reports whether conversion alone makes files of a type.
func converted(kind string) bool {
	switch kind {
	case "F32", "F16", "BF16", "Q8_0":
		return true
	}
	return false
}

// making says how large the files are that are made here: the converted one, and
// the quantized one.
func (plan *Plan) making(whole, small int64) {
	plan.whole, plan.small = whole, small
	if plan.Quantize == "" {
		plan.whole, plan.small = small, 0
	}
}

// parts makes parts of files of a repository.
func (p *Puller) parts(ctx context.Context, plan *Plan, repo *huggingface.Repo, entries []huggingface.Entry, roles []models.Role) error {
	files, err := repo.Files(ctx, entries...)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for i, f := range files {
		name := path.Base(entries[i].Path)
		if seen[strings.ToLower(name)] {
			return engine.Errorf(engine.BadModel, "cannot pull %s: %s has two files %s", plan.Name, repo.ID, name)
		}
		seen[strings.ToLower(name)] = true
		plan.Parts = append(plan.Parts, Part{name, roles[i], f})
	}
	plan.Source = models.Source{Kind: models.HuggingFace, Ref: plan.Request.Ref, Repo: repo.ID, Revision: repo.Commit}
	plan.repo = repo
	return nil
}

// text brings the text of a licence that somebody has to agree to: from the
// repository, or from that of the original weights, or none. Where there is none,
// people agree to the summary.
func (p *Puller) text(ctx context.Context, plan *Plan, original string) error {
	if !plan.Terms.Ask || plan.repo == nil {
		return nil
	}
	text, _, err := plan.repo.Licence(ctx)
	if err != nil {
		return err
	}
	if text == nil && original != "" && !strings.EqualFold(original, plan.repo.ID) {
		if repo, err := p.Hub.Open(ctx, original, ""); err == nil {
			text, _, _ = repo.Licence(ctx)
		}
	}
	plan.Text = text
	return ctx.Err()
}

// planRepo plans a model of any repository of the hub.
func (p *Puller) planRepo(ctx context.Context, plan *Plan, ref models.Ref) error {
	repo, err := p.Hub.Open(ctx, ref.Repo, ref.Revision)
	if err != nil {
		return err
	}
	if !strings.EqualFold(repo.ID, repo.Asked) {
		plan.Warnings = append(plan.Warnings, fmt.Sprintf("%s is called %s today.", repo.Asked, repo.ID))
	}
	plan.Title = path.Base(repo.ID)
	want := cmp.Or(plan.Request.Type, ref.File)
	known := p.licensed(plan, repo)
	choose := p.chooseReady
	if plan.Request.FromSource || len(repo.GGUFs()) == 0 {
		choose = p.chooseSource
	}
	for {
		take, err := choose(plan, repo, want)
		if err != nil || p.here(plan) {
			return err
		}
		// An unfinished pull goes on with the commit that it began with, as long as
		// the hub has it.
		if was := p.earlier(plan).Manifest.Source.Revision; was != "" && was != repo.Commit {
			if old, err := p.Hub.Open(ctx, repo.ID, was); err == nil {
				repo = old
				continue
			}
		}
		if err := take(ctx, known.Does(catalog.Vision)); err != nil {
			return err
		}
		return p.text(ctx, plan, known.Repo)
	}
}

// A taker plans what was chosen of a repository.
type taker func(ctx context.Context, sees bool) error

// chooseReady chooses a file that is ready, and what it will be called here.
func (p *Puller) chooseReady(plan *Plan, repo *huggingface.Repo, want string) (taker, error) {
	g, err := repo.GGUF(want)
	if err != nil {
		return nil, err
	}
	plan.Type = g.Type
	if plan.Name, plan.Tag = models.NameOf(g.Weights[0].Path); plan.Tag == "" {
		plan.Tag = tagOf(g.Type)
	}
	return func(ctx context.Context, sees bool) error { return p.take(ctx, plan, repo, g, sees) }, nil
}

// chooseSource chooses the original weights, and what will be made of them.
func (p *Puller) chooseSource(plan *Plan, repo *huggingface.Repo, want string) (taker, error) {
	t, err := quantize.ParseType(cmp.Or(want, catalog.DefaultType))
	if err != nil {
		return nil, err
	}
	plan.Type = t.Name
	plan.Name, _ = models.NameOf(path.Base(repo.ID))
	plan.Tag = tagOf(t.Name)
	return func(ctx context.Context, _ bool) error { return p.weights(ctx, plan, repo) }, nil
}

// tagOf is the tag of a model of a type.
func tagOf(kind string) string {
	tag := strings.ToLower(kind)
	if !models.ValidName(tag) {
		return "latest"
	}
	return tag
}

// licensed finds the licence of a repository: the one that its card states, unless
// the catalogue knows the model, or one that it was made of, by a stricter one. It
// gives the model that the catalogue knows, or an empty one.
func (p *Puller) licensed(plan *Plan, repo *huggingface.Repo) catalog.Model {
	stated := licence.Of(repo.Card.LicenceID(), repo.Card.LicenceLink)
	plan.Terms = stated
	for _, id := range append([]string{repo.ID}, repo.Card.Base...) {
		m, ok := p.Catalog.Of(id)
		if !ok {
			continue
		}
		terms, ok := m.Terms()
		if !ok {
			continue
		}
		plan.Terms = terms
		for _, a := range m.Can {
			plan.Can = append(plan.Can, string(a))
		}
		if terms.Ask && stated.ID != terms.ID && stated.ID != licence.Unstated {
			plan.Warnings = append(plan.Warnings, fmt.Sprintf("%s states the licence %s, and is made of %s, whose licence is %s: that one holds.", repo.ID, stated.Name, m.Title, terms.Name))
		}
		return m
	}
	return catalog.Model{}
}

// total adds up what is to be fetched and what the disk must hold.
func (plan *Plan) total() {
	var n int64
	for _, part := range plan.Parts {
		if part.Size < 0 {
			return
		}
		n += part.Size
	}
	for _, l := range plan.Lent {
		n -= l.Size
	}
	plan.Download, plan.Disk = n, n
	if plan.Convert {
		// The original weights go when they are converted, the converted ones when
		// they are quantized.
		plan.Disk = max(n+plan.whole, plan.whole+plan.small)
	}
}

// tooBig refuses a model that this machine cannot run, unless somebody wants it
// anyway.
func (plan *Plan) tooBig(h *fit.Machine) error {
	if h == nil || plan.Fit == nil || plan.Request.Anyway || plan.Fit.Verdict != fit.No {
		return nil
	}
	e := engine.Errorf(engine.NoMemory, "cannot run %s here: it needs %s of memory, and this machine has %s", plan.Name, gigabytes(plan.Fit.Need), gigabytes(h.Memory))
	e.Advice = "Choose a smaller one from bise catalog, use a server, or pull it anyway with --anyway."
	return e
}
