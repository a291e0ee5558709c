package pull

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/caches"
)

// A Lent is a file that a plan wants and another program seems to have here. It is
// used where it lies, once its bytes are known to be right.
type Lent struct {
	Part    string // by its name
	Program caches.Program
	Path    string
	Size    int64 // bytes
}

// lend looks for what a plan wants in the caches of other programs, by the hash that
// they give it. The parts of a split model have to lie in one folder, and original
// weights in one of ours, so those are fetched.
func (p *Puller) lend(plan *Plan) {
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
	if plan.Convert || weights != 1 || len(wanted) == 0 {
		return
	}
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
				plan.Lent = append(plan.Lent, Lent{part.Name, c.Program, f.Path, f.Size})
			}
		}
	}
}

// borrow looks whether what other programs have is what the plan wants.
func (j *job) borrow(ctx context.Context) error {
	for _, l := range j.plan.Lent {
		sum, err := j.sum(ctx, l.Path, l.Size)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		for _, part := range j.plan.Parts {
			if err == nil && part.Name == l.Part && string(part.Hash) == "sha256:"+sum {
				j.rec.Sums[part.Name] = fetched{Size: l.Size, SHA256: sum, Verified: true, Path: l.Path}
			}
		}
	}
	return nil
}

// place is where a part lies.
func (j *job) place(part string) string {
	if lent := j.rec.Sums[part].Path; lent != "" {
		return lent
	}
	return filepath.Join(j.folder(), part)
}
