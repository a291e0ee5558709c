package pull

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/caches"
)

// A LocalFile is a file that a plan wants and that seems to be here. Once its bytes are
// known to be right it need not be fetched: what another program has is used where it
// lies, and what a model of the store has gets another name.
type LocalFile struct {
	Part    string         // by its name
	Program caches.Program // that has it, "" where a model of the store does
	Path    string
	Size    int64 // bytes
}

// findLocal looks for what a plan wants in the caches of other programs and in the store, by
// the hash that they give it. The parts of a split model have to be in one folder, and
// original weights in one of ours, so other programs cannot lend those.
func (p *Puller) findLocal(plan *Plan) {
	wanted := map[string]Part{} // by the digits of its SHA-256
	weights := 0
	for _, part := range plan.Parts {
		if part.Role == models.Weights {
			weights++
		}
		if digits, ok := strings.CutPrefix(string(part.Hash), "sha256:"); ok && (part.Role == models.Weights || part.Role == models.Projector) {
			wanted[digits] = part
		}
	}
	if plan.Convert || len(wanted) == 0 {
		return
	}
	if weights == 1 {
		p.findCached(plan, wanted)
	}
	own := p.Store
	own.Caches = nil
	list, err := own.List()
	if err != nil {
		return // what cannot be read cannot be used
	}
	for _, m := range list {
		for _, f := range m.Files {
			part, ok := wanted[f.SHA256]
			if !ok || f.Size != part.Size || sizeOf(f.Path) != f.Size {
				continue
			}
			delete(wanted, f.SHA256)
			plan.Local = append(plan.Local, LocalFile{Part: part.Name, Path: f.Path, Size: f.Size})
		}
	}
}

// findCached looks for what is wanted in the caches of other programs.
func (p *Puller) findCached(plan *Plan, wanted map[string]Part) {
	for _, c := range p.Store.Caches {
		list, err := c.Models()
		if err != nil {
			continue // what cannot be read cannot be used
		}
		for _, m := range list {
			for _, f := range m.Files {
				part, ok := wanted[f.SHA256]
				if !ok || f.Size != part.Size {
					continue
				}
				delete(wanted, f.SHA256)
				plan.Local = append(plan.Local, LocalFile{part.Name, c.Program, f.Path, f.Size})
			}
		}
	}
}

// reuseLocal checks whether what other programs have is what the plan wants.
func (j *job) reuseLocal(ctx context.Context) error {
	for _, l := range j.plan.Local {
		if l.Program == "" {
			if err := j.reuseFromStore(ctx, l); err != nil {
				return err
			}
			continue
		}
		sum, err := j.checksum(ctx, l.Path, l.Size)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		for _, part := range j.plan.Parts {
			if err == nil && part.Name == l.Part && string(part.Hash) == "sha256:"+sum {
				j.rec.Sums[part.Name] = fetchedFile{Size: l.Size, SHA256: sum, Verified: true, Path: l.Path}
			}
		}
	}
	return nil
}

// reuseFromStore brings what a model of the store has into the stage. What cannot be brought
// is fetched.
func (j *job) reuseFromStore(ctx context.Context, l LocalFile) error {
	i := slices.IndexFunc(j.plan.Parts, func(part Part) bool { return part.Name == l.Part })
	digits, _ := strings.CutPrefix(string(j.plan.Parts[i].Hash), "sha256:")
	f := models.File{Name: l.Part, Size: l.Size, SHA256: digits, Role: j.plan.Parts[i].Role}
	reused, err := j.stage.Reuse(ctx, f, func(done int64) { j.progress.set(l.Part, done, l.Size) })
	if reused {
		j.rec.Sums[l.Part] = fetchedFile{Size: l.Size, SHA256: digits, Verified: true}
	}
	if ctx.Err() != nil {
		return err
	}
	return nil
}

// path is where a part lies.
func (j *job) path(part string) string {
	if lent := j.rec.Sums[part].Path; lent != "" {
		return lent
	}
	return filepath.Join(j.folder(), part)
}
