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

// planImage plans a model of a registry that speaks Ollama's protocol.
func (p *Puller) planImage(ctx context.Context, plan *Plan, ref models.Ref) error {
	if plan.Request.FromSource || plan.Request.Type != "" {
		e := fault.Errorf(fault.Invalid, "cannot pull %s otherwise than it is: a registry has finished files", plan.Request.Ref)
		e.Advice = "Leave out --type and --from-source; the tag says which type it is."
		return e
	}
	plan.Name, plan.Tag = strings.ToLower(path.Base(ref.Repo)), tagOf(ref.Tag)
	plan.Title = path.Base(ref.Repo)
	if p.here(plan) {
		return nil
	}
	rec := p.earlier(plan)
	if rec.did(Fetching) {
		plan.resume(rec)
		return nil
	}
	name := ollama.Name{Host: ref.Host, Repo: ref.Repo, Tag: ref.Tag}
	image, err := p.Registry.Open(ctx, name)
	if err != nil {
		return err
	}
	// An unfinished pull continues with what the tag was then.
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
	if err := plan.layer(image, weights, plan.Name+".gguf", models.Weights); err != nil {
		return err
	}
	if projector != nil {
		if err := plan.layer(image, *projector, "mmproj-"+plan.Name+".gguf", models.Projector); err != nil {
			return err
		}
	}
	return p.imageTerms(ctx, plan, image)
}

// layer plans a layer of an image as a file of a name.
func (plan *Plan) layer(image *ollama.Image, l ollama.Layer, name string, role models.Role) error {
	f, err := image.File(l)
	if err != nil {
		return err
	}
	plan.Parts = append(plan.Parts, Part{name, role, f})
	return nil
}

// maxTerms is the most that a licence's text has, in bytes.
const maxTerms = 1 << 20

// imageTerms reads an image's licences. Where it has none, or one that allows more
// than that of the catalogue's model of this name, the catalogue is believed.
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
	stated, known := licence.Recognise(plan.Text)
	switch {
	case len(plan.Text) == 0:
		stated, plan.Text = licence.Of(licence.Unstated, ""), nil
	case !known:
		stated = licence.Of("custom", "")
	}
	plan.Terms = stated
	m, _, err := p.Catalog.Find(plan.Name)
	if err != nil {
		return nil // of a model that it does not know, nothing more is known
	}
	for _, a := range m.Can {
		plan.Can = append(plan.Can, string(a))
	}
	if terms, ok := m.Terms(); ok && (terms.Ask && !stated.Ask || stated.ID == licence.Unstated) {
		if known {
			plan.Warnings = append(plan.Warnings, fmt.Sprintf("%s states the licence %s, and the licence of %s is %s: that one holds.", image.Name, stated.Name, m.Title, terms.Name))
		}
		plan.Terms, plan.Text = terms, nil
	}
	return nil
}
