package pull

import (
	"cmp"
	"context"
	"path/filepath"
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
	sha256  string
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
			plan.Local = append(plan.Local, LocalFile{part.Name, program, path, size, sha256})
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
		if err == nil && sum == l.sha256 {
			j.rec.Sums[l.Part] = fetchedFile{Size: l.Size, SHA256: sum, Verified: true, Path: l.Path}
		}
	}
	return nil
}

// reuseFromStore adds a file of the store to the stage. If that fails, it is downloaded.
func (j *job) reuseFromStore(ctx context.Context, l LocalFile) error {
	f := models.File{Name: l.Part, Size: l.Size, SHA256: l.sha256}
	reused, err := j.stage.Reuse(ctx, f, func(done int64) { j.progress.set(l.Part, done, l.Size) })
	if reused {
		j.rec.Sums[l.Part] = fetchedFile{Size: l.Size, SHA256: l.sha256, Verified: true}
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
