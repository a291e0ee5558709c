package pull

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/bise-sh/bise/downloader/ollama"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/licence"
)

func (p *Puller) planImage(ctx context.Context, plan *Plan, ref models.Ref) error {
	if plan.Request.FromSource || plan.Request.Type != "" {
		return fault.Advise(fault.Errorf(fault.Invalid, "cannot convert %s: registries have only finished files", plan.Request.Ref), "Omit --type and --from-source, and choose a type with the tag.")
	}
	plan.Name, plan.Tag = strings.ToLower(path.Base(ref.Repo)), tagOf(ref.Tag)
	plan.Title = path.Base(ref.Repo)
	if p.isInstalled(plan) {
		return nil
	}
	rec := p.unfinishedRecord(plan)
	if rec.isDone(Fetching) {
		plan.resume(rec)
		return nil
	}
	name := ollama.Name{Host: ref.Host, Repo: ref.Repo, Tag: ref.Tag}
	image, err := p.Registry.Open(ctx, name)
	if err != nil {
		return err
	}
	// An unfinished pull continues with the image that the tag meant then.
	if was := rec.Manifest.Source.Revision; was != "" && was != image.Digest {
		if old, err := p.Registry.Open(ctx, ollama.Name{Host: ref.Host, Repo: ref.Repo, Tag: was}); err == nil {
			image = old
		}
	}
	weights, projector, err := image.GGUF()
	if err != nil {
		return err
	}
	plan.Source = models.Source{Kind: models.Ollama, Ref: plan.Request.Ref, Repo: image.Name.String(), Revision: image.Digest}
	if err := plan.addLayer(image, weights, plan.Name+".gguf", models.Weights); err != nil {
		return err
	}
	if projector != nil {
		if err := plan.addLayer(image, *projector, "mmproj-"+plan.Name+".gguf", models.Projector); err != nil {
			return err
		}
	}
	return p.imageTerms(ctx, plan, image)
}

func (plan *Plan) addLayer(image *ollama.Image, l ollama.Layer, name string, role models.Role) error {
	f, err := image.File(l)
	if err != nil {
		return err
	}
	plan.Parts = append(plan.Parts, Part{name, role, f})
	return nil
}

const maxTerms = 1 << 20 // bytes of a licence's text

// imageTerms reads an image's licence. The catalogue's licence for a model of this name
// applies instead if the image has none, or one that allows more.
func (p *Puller) imageTerms(ctx context.Context, plan *Plan, image *ollama.Image) error {
	var texts [][]byte
	for _, l := range image.LayersOf(ollama.Licence) {
		text, err := image.Read(ctx, l, maxTerms)
		if err != nil {
			return err
		}
		texts = append(texts, text)
	}
	plan.Text = bytes.Join(texts, []byte("\n\n"))
	stated, known := licence.Identify(plan.Text)
	switch {
	case len(plan.Text) == 0:
		stated, plan.Text = licence.Of(licence.Unstated, ""), nil
	case !known:
		stated = licence.Of("custom", "")
	}
	plan.Terms = stated
	m, _, err := p.Catalog.Find(plan.Name)
	if err != nil {
		return nil // not in the catalogue
	}
	plan.Can = m.Abilities()
	if terms, ok := m.Terms(); ok && (terms.Ask && !stated.Ask || stated.ID == licence.Unstated) {
		if known {
			plan.Warnings = append(plan.Warnings, fmt.Sprintf("%s states the licence %s, but the licence of %s is %s, which applies.", image.Name, stated.Name, m.Title, terms.Name))
		}
		plan.Terms, plan.Text = terms, nil
	}
	return nil
}
