package pull

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bise-sh/bise/downloader"
	"github.com/bise-sh/bise/downloader/huggingface"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/models/fit"
	"github.com/bise-sh/bise/models/quantize"
	"github.com/bise-sh/bise/units"
)

// Plan resolves a reference and plans its installation. It reads listings and the texts of
// licences, and no weights.
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
	r.Ref = publicRef(ref, r.Ref)
	plan := &Plan{Request: r, Download: -1, llamaServer: p.LlamaServer}
	switch ref.Scheme {
	case models.ByName:
		err = p.planName(ctx, plan, ref)
	case models.HuggingFace:
		err = p.planRepo(ctx, plan, ref)
	case models.Ollama:
		err = p.planImage(ctx, plan, ref)
	case models.URL:
		err = p.planURL(ctx, plan, ref)
	default:
		e := fault.Errorf(fault.Invalid, "cannot pull %s: it does not name a model of a hub", r.Ref)
		e.Advice = "Name a model of bise catalog, or a repository such as hf:owner/repo. To add a local file, use bise import."
		if hub, err := models.ParseRef("hf:" + r.Ref); err == nil && hub.Repo == r.Ref {
			e.Advice = fmt.Sprintf("For a repository of the Hugging Face Hub write hf:%s.", r.Ref)
		}
		return nil, e
	}
	if err != nil {
		return nil, err
	}
	if plan.Installed != nil {
		return plan, nil
	}
	p.findLocal(plan)
	plan.total()
	p.reuseAcceptance(plan, p.unfinishedRecord(plan).Manifest.Licence)
	return plan, plan.checkMemory(p.Machine)
}

// isInstalled sets Installed if the model is installed already.
func (p *Puller) isInstalled(plan *Plan) bool {
	m, ok := p.Store.Installed(plan.Name, plan.Tag)
	if ok && !plan.Request.Again {
		plan.Installed = &m
	}
	return plan.Installed != nil
}

// unfinishedRecord returns the record of an unfinished pull of the same request, or an
// empty one.
func (p *Puller) unfinishedRecord(plan *Plan) *record {
	if rec, ok := readRecord(p.Store.Staging(plan.Name, plan.Tag)); ok && rec.Request.Ref == plan.Request.Ref && rec.Request.FromSource == plan.Request.FromSource {
		return rec
	}
	return &record{}
}

func (p *Puller) planName(ctx context.Context, plan *Plan, ref models.Ref) error {
	m, kind, err := p.Catalog.Find(ref.String())
	if err != nil {
		return err
	}
	if err := m.CheckRunnable(); err != nil {
		return err
	}
	t, err := quantize.ParseType(cmp.Or(plan.Request.Type, kind, catalog.DefaultType))
	if err != nil {
		return err
	}
	plan.Name, plan.Tag, plan.Title, plan.Type = m.Name, strings.ToLower(t.Name), m.Title, t.Name
	plan.Terms, _ = m.Terms()
	plan.Can = m.Abilities()
	if p.isInstalled(plan) {
		return nil
	}
	whole, sized := fit.FromCatalog(m)
	small := whole
	if sized {
		if small, err = whole.Quantized(t.Name); err != nil {
			return err
		}
		if p.Machine != nil {
			plan.Fit = new(small.Plan(*p.Machine, engine.LoadOptions{}))
		}
	}
	if rec := p.unfinishedRecord(plan); rec.isDone(Fetching) {
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
		if m.Repo == "" {
			e := fault.Errorf(fault.NotFound, "cannot pull %s as %s: no such file is known, and its original weights are not published", m.Name, t.Name)
			e.Advice = "Choose another type."
			if i := slices.IndexFunc(m.Files, func(f catalog.File) bool { return f.Role != catalog.Projector }); i >= 0 {
				e.Advice = fmt.Sprintf("%s is available: bise pull %s:%s.", m.Files[i].Type, m.Name, strings.ToLower(m.Files[i].Type))
			}
			return e
		}
		repo, err := p.open(ctx, plan, m.Repo)
		if err != nil {
			return err
		}
		if err := p.planConversion(ctx, plan, repo); err != nil {
			return err
		}
		if sized {
			plan.setConvertedSizes(whole.Bytes(), small.Bytes())
		}
	}
	return p.readLicence(ctx, plan, m.Repo)
}

// resume continues an earlier run that has downloaded everything.
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

// ready looks for a finished file in the repositories of the catalogue; found is false if
// none has the type.
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
				if err := p.planFiles(ctx, plan, repo, g, m.Has(catalog.Vision)); err != nil {
					return false, err
				}
				if hash, _ := downloader.SHA256(w.sum); w.sum != "" && plan.Parts[0].Hash != hash {
					plan.Warnings = append(plan.Warnings, fmt.Sprintf("%s of %s has changed since the catalogue was made.", w.file, w.repo))
				}
				plan.warn(m)
				return true, nil
			}
		}
		// It may be in the next repository, or be converted.
		if kind := fault.KindOf(err); kind != fault.Missing && (kind != fault.Denied && kind != fault.Licence || i == len(wants)-1) {
			return false, err
		}
	}
	return false, nil
}

// warn adds what the catalogue says about finished files of a model.
func (plan *Plan) warn(m catalog.Model) {
	if m.Warning != "" && !plan.Convert {
		plan.Warnings = append(plan.Warnings, m.Warning)
	}
}

func (plan *Plan) setConvertedSizes(whole, small int64) {
	plan.whole, plan.small = whole, small
	if plan.Quantize == "" {
		plan.whole, plan.small = small, 0
	}
}

func (plan *Plan) total() {
	var n int64
	for _, part := range plan.Parts {
		if part.Size < 0 {
			return
		}
		n += part.Size
	}
	for _, l := range plan.Local {
		n -= l.Size
	}
	plan.Download, plan.Disk = n, n
	if plan.adapt {
		for _, part := range plan.Parts {
			if part.Role == models.Weights {
				plan.Disk += part.Size
			}
		}
	}
	if plan.Convert {
		// Conversion keeps the original weights, quantization only the converted ones.
		plan.Disk = max(n+plan.whole, plan.whole+plan.small)
	}
}

func (plan *Plan) checkMemory(h *fit.Machine) error {
	if h == nil || plan.Fit == nil || plan.Request.Anyway || plan.Fit.Verdict != fit.No {
		return nil
	}
	return fault.Advise(fault.Errorf(fault.NoMemory, "cannot run %s on this machine: it needs %s of memory, and the machine has %s", plan.Name, units.Size(plan.Fit.Need), units.Size(h.Memory)), "Choose a smaller model from bise catalog, use a server, or download it anyway with --anyway.")
}
