package pull

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bise-sh/bise/downloader/huggingface"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/models/convert"
	"github.com/bise-sh/bise/models/licence"
	"github.com/bise-sh/bise/models/quantize"
)

// planRepo plans a model of any repository of the hub.
func (p *Puller) planRepo(ctx context.Context, plan *Plan, ref models.Ref) error {
	repo, err := p.openAt(ctx, plan, ref.Repo, ref.Revision)
	if err != nil {
		return err
	}
	if !strings.EqualFold(repo.ID, repo.RequestedID) {
		plan.Warnings = append(plan.Warnings, fmt.Sprintf("%s is called %s today.", repo.RequestedID, repo.ID))
	}
	plan.Title = path.Base(repo.ID)
	want := cmp.Or(plan.Request.Type, ref.File)
	known := p.findLicence(plan, repo)
	choose := p.chooseReady
	if plan.Request.FromSource || len(repo.GGUFs()) == 0 {
		choose = p.chooseSource
	}
	for {
		take, err := choose(plan, repo, want)
		if err != nil || p.isInstalled(plan) {
			return err
		}
		// An unfinished pull continues with the commit that it began with, as long as the
		// hub has it.
		if was := p.unfinishedRecord(plan).Manifest.Source.Revision; was != "" && was != repo.Commit {
			if old, err := p.openAt(ctx, plan, repo.ID, was); err == nil {
				repo = old
				continue
			}
		}
		if err := take(ctx, known.Has(catalog.Vision)); err != nil {
			return err
		}
		return p.readLicence(ctx, plan, known.Repo)
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
	return func(ctx context.Context, sees bool) error { return p.planFiles(ctx, plan, repo, g, sees) }, nil
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
	return func(ctx context.Context, _ bool) error { return p.planConversion(ctx, plan, repo) }, nil
}

// open opens a repository, at the commit of an earlier run where there was one.
func (p *Puller) open(ctx context.Context, plan *Plan, id string) (*huggingface.Repo, error) {
	revision := ""
	if s := p.unfinishedRecord(plan).Manifest.Source; strings.EqualFold(s.Repo, id) {
		revision = s.Revision
	}
	return p.openAt(ctx, plan, id, revision)
}

// openAt opens a repository at a revision. A hub that does not take the token refuses
// everything for it, also what needs none: that is opened without.
func (p *Puller) openAt(ctx context.Context, plan *Plan, id, revision string) (*huggingface.Repo, error) {
	repo, err := p.Hub.Open(ctx, id, revision)
	if !errors.Is(err, huggingface.ErrToken) {
		return repo, err
	}
	repo, without := p.Hub.Anonymous().Open(ctx, id, revision)
	if without != nil || repo.Gated != "" {
		return nil, err
	}
	const told = "The hub does not take your token. What is public is pulled without it."
	if !slices.Contains(plan.Warnings, told) {
		plan.Warnings = append(plan.Warnings, told)
	}
	return repo, nil
}

// planFiles plans a file that is ready, and its vision encoder.
func (p *Puller) planFiles(ctx context.Context, plan *Plan, repo *huggingface.Repo, g huggingface.GGUF, sees bool) error {
	if err := plan.checkArchitecture(repo.Architecture); err != nil {
		return err
	}
	entries := g.Weights
	roles := make([]models.Role, len(entries))
	for i := range roles {
		roles[i] = models.Weights
	}
	switch {
	case g.Projector != nil:
		entries, roles = append(entries[:len(entries):len(entries)], *g.Projector), append(roles, models.Projector)
	case sees:
		plan.Warnings = append(plan.Warnings, fmt.Sprintf("%s has no vision encoder: the model cannot see images.", repo.ID))
	}
	return p.parts(ctx, plan, repo, entries, roles)
}

// planConversion plans the conversion of a repository's original weights.
func (p *Puller) planConversion(ctx context.Context, plan *Plan, repo *huggingface.Repo) error {
	source, err := repo.Source(ctx)
	if err != nil {
		return err
	}
	if err := checkSupported(ctx, plan, repo, source); err != nil {
		return err
	}
	plan.Convert = true
	if !isConverted(plan.Type) {
		plan.Quantize = plan.Type
	}
	var size int64
	for _, e := range source.Weights {
		size += e.Size
	}
	plan.setConvertedSizes(size, size/2)
	entries := append(source.Weights[:len(source.Weights):len(source.Weights)], source.Rest...)
	return p.parts(ctx, plan, repo, entries, make([]models.Role, len(entries)))
}

// checkSupported checks whether a model's configuration is of one that can be converted,
// before its weights are fetched.
func checkSupported(ctx context.Context, plan *Plan, repo *huggingface.Repo, source huggingface.Source) error {
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
		return fault.Advise(fault.Errorf(fault.Unsupported, "cannot pull %s: %w", plan.Name, err), "Look for it as GGUF, or choose another model from bise catalog.")
	}
	return nil
}

// isConverted reports whether conversion alone makes files of a type.
func isConverted(kind string) bool {
	switch kind {
	case "F32", "F16", "BF16", "Q8_0":
		return true
	}
	return false
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
			return fault.Errorf(fault.BadModel, "cannot pull %s: %s has two files %s", plan.Name, repo.ID, name)
		}
		seen[strings.ToLower(name)] = true
		plan.Parts = append(plan.Parts, Part{name, roles[i], f})
	}
	plan.Source = models.Source{Kind: models.HuggingFace, Ref: plan.Request.Ref, Repo: repo.ID, Revision: repo.Commit}
	plan.repo = repo
	return nil
}

// readLicence downloads the text of a licence that the user must accept: from the repository, or
// from that of the original weights, or none. Where there is none, people agree to the
// summary.
func (p *Puller) readLicence(ctx context.Context, plan *Plan, original string) error {
	if !plan.Terms.Ask || plan.repo == nil {
		return nil
	}
	text, _, err := plan.repo.Licence(ctx)
	if err != nil {
		return err
	}
	if text == nil && original != "" && !strings.EqualFold(original, plan.repo.ID) {
		if repo, err := p.openAt(ctx, plan, original, ""); err == nil {
			text, _, _ = repo.Licence(ctx)
		}
	}
	plan.Text = text
	return ctx.Err()
}

// tagOf is the tag of a model of a type.
func tagOf(kind string) string {
	tag := strings.ToLower(kind)
	if !models.ValidName(tag) {
		return "latest"
	}
	return tag
}

// findLicence finds the licence of a repository: the one that its card states, unless
// the catalogue knows the model, or one that it was made of, by a stricter one. It
// gives the model that the catalogue knows, or an empty one.
func (p *Puller) findLicence(plan *Plan, repo *huggingface.Repo) catalog.Model {
	stated := licence.Of(repo.Card.LicenceID(), repo.Card.LicenceLink)
	plan.Terms = stated
	for _, id := range append([]string{repo.ID}, repo.Card.Base...) {
		m, ok := p.Catalog.ByRepo(id)
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
