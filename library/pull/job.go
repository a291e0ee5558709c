package pull

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/downloader"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/convert"
	"github.com/bise-sh/bise/models/quantize"
	"github.com/bise-sh/bise/models/verify"
	"github.com/bise-sh/bise/units"
)

// A job is a run of a plan that has its stage.
type job struct {
	*Puller
	plan     *Plan
	stage    *models.Stage
	progress *Progress

	mu  sync.Mutex // of rec, while files are fetched at once
	rec *record
}

// atOnce is how many files are fetched at the same time. Each has its own connections;
// more than one only matters for small files, which a repository has many of.
const atOnce = 4

func (j *job) run(ctx context.Context) error {
	if err := j.open(); err != nil {
		return err
	}
	done := make(chan struct{})
	var sharing sync.WaitGroup
	sharing.Go(func() { writeProgress(j.stage.Dir, j.progress, done) })
	err := j.steps(ctx)
	close(done)
	sharing.Wait()
	if err != nil {
		return err
	}
	j.progress.begin(Installing)
	return j.install()
}

// open takes up what an earlier run has left, if it was the same pull, and writes
// down what this one is about.
func (j *job) open() error {
	rec, ok := readRecord(j.stage.Dir)
	if !ok || !rec.continues(j.plan) {
		if err := removeContents(j.stage.Dir); err != nil {
			return j.wrap(err)
		}
		if err := j.checkSpace(); err != nil {
			return err
		}
		rec = &record{Version: recordVersion, Request: j.plan.Request, Quantize: j.plan.Quantize, Sums: map[string]fetchedFile{}}
		for _, f := range j.plan.Parts {
			rec.Files = append(rec.Files, recordFile{f.Name, f.Role, f.Size, string(f.Hash)})
		}
	}
	if rec.Sums == nil {
		rec.Sums = map[string]fetchedFile{}
	}
	known := rec.Manifest
	rec.Manifest = j.manifest()
	rec.Manifest.Files, rec.Manifest.Type = known.Files, cmp.Or(rec.Manifest.Type, known.Type)
	j.rec = rec
	// What conversions have left that were ended.
	left, _ := filepath.Glob(filepath.Join(j.stage.Dir, ".bise-*"))
	for _, path := range left {
		if err := os.RemoveAll(path); err != nil {
			return j.wrap(err)
		}
	}
	if err := rec.write(j.stage.Dir); err != nil {
		return j.wrap(err)
	}
	return nil
}

// continues reports whether a record is of the same files, to the same end.
func (r *record) continues(p *Plan) bool {
	if r.Request.FromSource != p.Request.FromSource || r.Manifest.Source.Repo != p.Source.Repo || r.Quantize != p.Quantize || len(r.Files) != len(p.Parts) {
		return false
	}
	for i, f := range p.Parts {
		if r.Files[i] != (recordFile{f.Name, f.Role, f.Size, string(f.Hash)}) {
			return false
		}
	}
	return true
}

// checkSpace checks that the disk holds everything, before the first byte.
func (j *job) checkSpace() error {
	free, ok := atomicfile.Free(j.stage.Dir)
	if !ok || j.plan.Disk <= free {
		return nil
	}
	return fault.Advise(fault.Errorf(fault.NoSpace, "cannot pull %s: it takes %s of disk, and %s are free in %s", j.plan.Name, units.Size(j.plan.Disk), units.Size(free), j.Store.Dir), "Make room, for instance with bise rm or bise gc, or choose a smaller type.")
}

// manifest is what is known of the model before its files are there.
func (j *job) manifest() models.Manifest {
	p := j.plan
	return models.Manifest{Name: p.Name, Tag: p.Tag, Title: p.Title, Type: p.Type, Source: p.Source, Licence: p.agreement(), Can: p.Can}
}

func (j *job) steps(ctx context.Context) error {
	steps := []struct {
		name Step
		do   func(context.Context) error
		skip bool
	}{
		{Reusing, j.reuseLocal, len(j.plan.Local) == 0},
		{Fetching, j.fetch, false},
		{Converting, j.convert, !j.plan.Convert},
		{Quantizing, j.quantize, j.plan.Quantize == ""},
		{Verifying, j.verify, false},
	}
	for _, s := range steps {
		if s.skip || j.rec.isDone(s.name) {
			continue
		}
		j.progress.begin(s.name)
		if err := s.do(ctx); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		}
		j.rec.Done = append(j.rec.Done, s.name)
		if err := j.rec.write(j.stage.Dir); err != nil {
			return j.wrap(err)
		}
	}
	return nil
}

func (j *job) wrap(err error) error { return fmt.Errorf("pull %s: %w", j.plan.Name, err) }

// folder is where files are fetched to.
func (j *job) folder() string {
	if j.plan.Convert {
		return filepath.Join(j.stage.Dir, sourceName)
	}
	return j.stage.Dir
}

// fetch downloads all files that have not come yet.
func (j *job) fetch(ctx context.Context) error {
	if err := os.MkdirAll(j.folder(), 0o700); err != nil {
		return j.wrap(err)
	}
	missing := slices.DeleteFunc(slices.Clone(j.plan.Parts), func(part Part) bool {
		sum, ok := j.rec.Sums[part.Name]
		return ok && sizeOf(j.path(part.Name)) == sum.Size
	})
	var p downloader.Progress
	var files []downloader.File
	for _, part := range missing {
		files = append(files, part.File)
		delete(j.rec.Sums, part.Name)
	}
	p.Plan(files...)
	j.progress.fetching(&p)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, part := range missing {
		group.Go(func() error {
			r, err := j.Client.Fetch(ctx, part.File, filepath.Join(j.folder(), part.Name), &p)
			if err != nil {
				return err
			}
			j.mu.Lock()
			defer j.mu.Unlock()
			j.rec.Sums[part.Name] = fetchedFile{Size: r.Size, SHA256: strings.TrimPrefix(string(r.SHA256), "sha256:"), Verified: r.Verified}
			if err := j.rec.write(j.stage.Dir); err != nil {
				return j.wrap(err)
			}
			return nil
		})
	}
	return group.Wait()
}

func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return -1
	}
	return info.Size()
}

// fileName is the name of the model's file of a type.
func (j *job) fileName(kind string) string { return j.plan.Name + "." + kind + ".gguf" }

// convertedName is the name of the file that conversion makes.
func (j *job) convertedName() string {
	if j.plan.Quantize == "" {
		return j.fileName(j.plan.Type)
	}
	return j.plan.Name + ".gguf"
}

// convert makes a model file of the original weights, and removes those.
func (j *job) convert(ctx context.Context) error {
	out := filepath.Join(j.stage.Dir, j.convertedName())
	// A crash may have come after the file was there and before that was written down.
	if err := errors.Join(removeIfExists(out), removeIfExists(convert.ProjectorPath(out))); err != nil {
		return j.wrap(err)
	}
	o := convert.Options{Output: out, Name: j.plan.Title, Progress: func(done, total int64) { j.progress.set("", done, total) }}
	if j.plan.Quantize == "" {
		o.Type = convert.Type(strings.ToLower(j.plan.Type))
	}
	r, err := convert.Convert(ctx, j.folder(), o)
	if err != nil {
		return j.wrap(err)
	}
	j.plan.Warnings = append(j.plan.Warnings, r.Warnings...)
	return nil
}

// quantize makes the smaller file of the converted one.
func (j *job) quantize(ctx context.Context) error {
	// The original weights have served, and their room is needed now.
	if err := os.RemoveAll(filepath.Join(j.stage.Dir, sourceName)); err != nil {
		return j.wrap(err)
	}
	kind, err := quantize.ParseType(j.plan.Quantize)
	if err != nil {
		return err
	}
	out := filepath.Join(j.stage.Dir, j.fileName(kind.Name))
	if err := removeIfExists(out); err != nil {
		return j.wrap(err)
	}
	_, err = quantize.Run(ctx, quantize.Options{In: filepath.Join(j.stage.Dir, j.convertedName()), Out: out, Type: kind}, j.Quantize, func(p quantize.Progress) {
		j.progress.set(p.Tensor, p.Done, p.Total)
	})
	return err
}

func removeIfExists(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// files are those that will be installed, as far as they are known: by the names
// that sums have, and without sizes.
func (j *job) files() []models.File {
	if !j.plan.Convert {
		var list []models.File
		for _, p := range j.plan.Parts {
			list = append(list, models.File{Name: p.Name, Role: p.Role})
		}
		return list
	}
	list := []models.File{{Name: j.fileName(j.plan.Type), Role: models.Weights}}
	if tower := convert.ProjectorPath(j.convertedName()); sizeOf(filepath.Join(j.stage.Dir, tower)) >= 0 {
		list = append(list, models.File{Name: tower, Role: models.Projector})
	}
	return list
}

// verify checks whether the model files are what a model is, and computes the sums of
// those that were made here. A file whose bytes have the hash that was promised only has
// its head read.
func (j *job) verify(ctx context.Context) error {
	j.rec.Manifest.Files = nil
	for _, f := range j.files() {
		sum, come := j.rec.Sums[f.Name]
		path := filepath.Join(j.stage.Dir, f.Name)
		if sum.Path != "" {
			path, f.Path, f.Name = sum.Path, sum.Path, filepath.Base(sum.Path)
		}
		f.Size = sizeOf(path)
		if f.Role != models.Terms {
			if err := j.verifyModel(ctx, path, f, come && sum.Verified); err != nil {
				return err
			}
		}
		f.SHA256 = sum.SHA256
		if f.SHA256 == "" {
			var err error
			if f.SHA256, err = j.checksum(ctx, path, f.Size); err != nil {
				return j.wrap(err)
			}
		}
		j.rec.Manifest.Files = append(j.rec.Manifest.Files, f)
	}
	return nil
}

// verifyModel looks into a GGUF file. Parts after the first are looked at with it.
func (j *job) verifyModel(ctx context.Context, path string, f models.File, known bool) error {
	parts, err := gguf.Parts(path)
	if err == nil && len(parts) > 1 && filepath.Base(parts[0]) != f.Name {
		return nil
	}
	file, err := gguf.Read(path)
	if err == nil {
		err = file.Check()
	}
	if err != nil {
		return j.badModel(f.Name, err)
	}
	if f.Role == models.Weights {
		if err := j.plan.checkArchitecture(file.Summary().Architecture); err != nil {
			_ = removeContents(j.stage.Dir) // as in bad
			return err
		}
	}
	if f.Role == models.Weights && j.rec.Manifest.Type == "" {
		j.rec.Manifest.Type = file.Summary().FileType
	}
	if known {
		return nil
	}
	report, err := verify.Verify(ctx, path, func(done, total int64) { j.progress.set(f.Name, done, total) })
	if err != nil {
		return j.wrap(err)
	}
	if len(report.Problems) > 0 {
		return j.badModel(f.Name, errors.New(strings.TrimSpace(report.Problems[0].Tensor+" "+report.Problems[0].What)))
	}
	return nil
}

// badModel is the error of a file that is not a model. Nothing of it is kept, so that the next
// run starts again.
func (j *job) badModel(name string, err error) error {
	_ = removeContents(j.stage.Dir)
	if f, ok := errors.AsType[*gguf.FormatError](err); ok {
		err = errors.New(f.What) // its path is in our sentence
	}
	return fault.Advise(fault.Errorf(fault.BadModel, "pull %s: %s is not a model: %w", j.plan.Name, name, err), "Choose another source, for instance with --from-source.")
}

// checksum is the SHA-256 of a file.
func (j *job) checksum(ctx context.Context, path string, size int64) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	buf := make([]byte, 1<<20)
	for done := int64(0); ; {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		n, err := f.Read(buf)
		h.Write(buf[:n])
		done += int64(n)
		j.progress.set(filepath.Base(path), done, size)
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return "", err
		}
	}
}

// install puts the model into the store.
func (j *job) install() error {
	m := j.rec.Manifest
	if j.plan.Convert {
		m.Made = append(m.Made, models.Step{Step: string(Converting), Version: j.Version})
		if j.plan.Quantize != "" {
			m.Made = append(m.Made, models.Step{Step: string(Quantizing), Type: j.plan.Quantize, Version: j.Version})
		}
	}
	return j.stage.Commit(m)
}
