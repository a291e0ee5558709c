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
	"github.com/bise-sh/bise/models/rehead"
)

func (p *Puller) planRepo(ctx context.Context, plan *Plan, ref models.Ref) error {
	repo, err := p.openAt(ctx, plan, ref.Repo, ref.Revision)
	if err != nil {
		return err
	}
	if !strings.EqualFold(repo.ID, repo.RequestedID) {
		plan.Warnings = append(plan.Warnings, fmt.Sprintf("%s is now named %s.", repo.RequestedID, repo.ID))
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
		// An unfinished pull continues with the same commit, if the hub still has it.
		if was := p.unfinishedRecord(plan).Manifest.Source.Revision; was != "" && was != repo.Commit {
			if old, err := p.openAt(ctx, plan, repo.ID, was); err == nil {
				repo = old
				continue
			}
		}
		if err := take(ctx, known.Has(catalog.Vision)); err != nil {
			return err
		}
		plan.warn(known)
		return p.readLicence(ctx, plan, known.Repo)
	}
}

// A taker plans the chosen files of a repository.
type taker func(ctx context.Context, sees bool) error

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

// open opens a repository, at the commit of an earlier run if there was one.
func (p *Puller) open(ctx context.Context, plan *Plan, id string) (*huggingface.Repo, error) {
	revision := ""
	if s := p.unfinishedRecord(plan).Manifest.Source; strings.EqualFold(s.Repo, id) {
		revision = s.Revision
	}
	return p.openAt(ctx, plan, id, revision)
}

// openAt opens a repository at a revision. A hub refuses all requests with an invalid token,
// so public repositories are then opened without it.
func (p *Puller) openAt(ctx context.Context, plan *Plan, id, revision string) (*huggingface.Repo, error) {
	repo, err := p.Hub.Open(ctx, id, revision)
	if !errors.Is(err, huggingface.ErrToken) {
		return repo, err
	}
	repo, without := p.Hub.Anonymous().Open(ctx, id, revision)
	if without != nil || repo.Gated != "" {
		return nil, err
	}
	const warning = "The hub rejects your token. Public files are downloaded without it."
	if !slices.Contains(plan.Warnings, warning) {
		plan.Warnings = append(plan.Warnings, warning)
	}
	return repo, nil
}

func (p *Puller) planFiles(ctx context.Context, plan *Plan, repo *huggingface.Repo, g huggingface.GGUF, sees bool) error {
	if err := plan.checkArchitecture(repo.Architecture); err != nil {
		return err
	}
	plan.adapt = rehead.Needed(repo.Architecture)
	if err := p.addParts(ctx, plan, repo, models.Weights, g.Weights); err != nil {
		return err
	}
	switch {
	case g.Projector != nil:
		return p.addParts(ctx, plan, repo, models.Projector, []huggingface.Entry{*g.Projector})
	case sees:
		plan.Warnings = append(plan.Warnings, fmt.Sprintf("%s has no vision encoder: the model cannot see images.", repo.ID))
	}
	return nil
}

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
	return p.addParts(ctx, plan, repo, "", slices.Concat(source.Weights, source.Rest))
}

func checkSupported(ctx context.Context, plan *Plan, repo *huggingface.Repo, source huggingface.Source) error {
	name := "config.json"
	if source.Layout == huggingface.Native {
		name = "params.json"
	}
	entry, ok := repo.Entry(name)
	if !ok {
		return nil // the converter reports it
	}
	const most = 1 << 20 // bytes
	config, err := repo.Read(ctx, entry, most)
	if err != nil {
		return err
	}
	if err := convert.Supports(name, config); err != nil {
		return fault.Advise(fault.Errorf(fault.Unsupported, "cannot pull %s: %w", plan.Name, err), "Look for a GGUF file of it, or choose another model from bise catalog.")
	}
	return nil
}

// isConverted reports whether a type needs no quantization after the conversion.
func isConverted(kind string) bool {
	return slices.Contains([]string{"F32", "F16", "BF16", "Q8_0"}, kind)
}

func (p *Puller) addParts(ctx context.Context, plan *Plan, repo *huggingface.Repo, role models.Role, entries []huggingface.Entry) error {
	files, err := repo.Files(ctx, entries...)
	if err != nil {
		return err
	}
	for i, f := range files {
		name := path.Base(entries[i].Path)
		if slices.ContainsFunc(plan.Parts, func(p Part) bool { return strings.EqualFold(p.Name, name) }) {
			return fault.Errorf(fault.BadModel, "cannot pull %s: %s has two files %s", plan.Name, repo.ID, name)
		}
		plan.Parts = append(plan.Parts, Part{name, role, f})
	}
	plan.Source = models.Source{Kind: models.HuggingFace, Ref: plan.Request.Ref, Repo: repo.ID, Revision: repo.Commit}
	plan.repo = repo
	return nil
}

// readLicence downloads the text of a licence that the user must accept, from the repository
// or from that of the original weights. Without a text, the user accepts the summary.
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

func tagOf(kind string) string {
	tag := strings.ToLower(kind)
	if !models.ValidName(tag) {
		return "latest"
	}
	return tag
}

// findLicence sets the licence of a repository: that of the catalogue for the model or for
// its base model, or else that of its card. It returns the catalogue's model, or an empty
// one.
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
		plan.Can = m.Abilities()
		if terms.Ask && stated.ID != terms.ID && stated.ID != licence.Unstated {
			plan.Warnings = append(plan.Warnings, fmt.Sprintf("%s states the licence %s, but it is derived from %s, whose licence is %s, which applies.", repo.ID, stated.Name, m.Title, terms.Name))
		}
		return m
	}
	return catalog.Model{}
}
