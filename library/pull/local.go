package pull

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/caches"
)

// A LocalFile is a file on this machine that seems to be a part of a plan. If its checksum
// is right, it is not downloaded: a file of another program is used in place, a file of the
// store gets another hard link.
type LocalFile struct {
	Part    string         // by its name
	Program caches.Program // whose cache has it; "": the store
	Path    string
	Size    int64 // bytes
}

// findLocal looks for parts of a plan in the caches of other programs and in the store, by
// their recorded hash. The parts of a split model must be in one folder, so caches are not
// used for them; original weights must be in the stage.
func (p *Puller) findLocal(plan *Plan) {
	wanted := map[string]Part{} // by SHA-256
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
	found := func(program caches.Program, path, sha256 string, size int64) {
		if part, ok := wanted[sha256]; ok && size == part.Size && sizeOf(path) == size {
			delete(wanted, sha256)
			plan.Local = append(plan.Local, LocalFile{part.Name, program, path, size})
		}
	}
	// A cache or a store that cannot be read is not used.
	if weights == 1 {
		for _, c := range p.Store.Caches {
			list, _ := c.Models()
			for _, m := range list {
				for _, f := range m.Files {
					found(c.Program, f.Path, f.SHA256, f.Size)
				}
			}
		}
	}
	list, _ := models.Store{Dir: p.Store.Dir}.List()
	for _, m := range list {
		for _, f := range m.Files {
			found("", f.Path, f.SHA256, f.Size)
		}
	}
}

// reuseLocal verifies the local files.
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

// reuseFromStore adds a file of the store to the stage. If that fails, it is downloaded.
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

// path is where a part is, or will be after its download.
func (j *job) path(part string) string {
	return cmp.Or(j.rec.Sums[part].Path, filepath.Join(j.folder(), part))
}
