package pull

import (
	"cmp"
	"context"
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
	"github.com/bise-sh/bise/models/rehead"
	"github.com/bise-sh/bise/models/verify"
	"github.com/bise-sh/bise/units"
)

// A job runs a plan in its stage.
type job struct {
	*Puller
	plan     *Plan
	stage    *models.Stage
	progress *Progress

	mu  sync.Mutex // of rec, while files are downloaded concurrently
	rec *record
}

// concurrentFiles is how many files are downloaded at a time. More than one only matters
// for the many small files of a repository.
const concurrentFiles = 4

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

// open continues the record of an earlier run of the same pull, or writes a new one.
func (j *job) open() error {
	rec, ok := readRecord(j.stage.Dir)
	if !ok || !rec.continues(j.plan) {
		if err := removeContents(j.stage.Dir, nil); err != nil {
			return j.wrap(err)
		}
		if err := j.checkSpace(); err != nil {
			return err
		}
		rec = &record{Version: recordVersion, Request: j.plan.Request, Quantize: j.plan.Quantize, Files: recordFiles(j.plan.Parts)}
	}
	if rec.Sums == nil {
		rec.Sums = map[string]fetchedFile{}
	}
	p, old := j.plan, rec.Manifest
	rec.Manifest = models.Manifest{
		Name: p.Name, Tag: p.Tag, Title: p.Title, Type: cmp.Or(p.Type, old.Type), Source: p.Source, Licence: p.agreement(), Can: p.Can, Files: old.Files,
	}
	j.rec = rec
	// Remove what interrupted conversions have left.
	if err := removeContents(j.stage.Dir, func(name string) bool { return !strings.HasPrefix(name, ".bise-") }); err != nil {
		return j.wrap(err)
	}
	return j.write()
}

func (j *job) write() error {
	if err := j.rec.write(j.stage.Dir); err != nil {
		return j.wrap(err)
	}
	return nil
}

func (r *record) continues(p *Plan) bool {
	return r.Request.FromSource == p.Request.FromSource && r.Manifest.Source.Repo == p.Source.Repo && r.Quantize == p.Quantize &&
		slices.Equal(r.Files, recordFiles(p.Parts))
}

func recordFiles(parts []Part) []recordFile {
	var list []recordFile
	for _, f := range parts {
		list = append(list, recordFile{f.Name, f.Role, f.Size, string(f.Hash)})
	}
	return list
}

func (j *job) checkSpace() error {
	free, ok := atomicfile.Free(j.stage.Dir)
	if !ok || j.plan.Disk <= free {
		return nil
	}
	return fault.Advise(fault.Errorf(fault.NoSpace, "cannot pull %s: it needs %s of disk space and %s are free in %s", j.plan.Name, units.Size(j.plan.Disk), units.Size(free), j.Store.Dir), "Free some space with bise rm or bise gc, or choose a smaller type.")
}

func (j *job) steps(ctx context.Context) error {
	steps := []struct {
		name Step
		do   func(context.Context) error
		skip bool
	}{
		{Reusing, j.reuseLocal, len(j.plan.Local) == 0},
		{Fetching, j.fetch, false},
		{Adapting, j.adapt, j.plan.Convert},
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
		if err := j.write(); err != nil {
			return err
		}
	}
	return nil
}

func (j *job) wrap(err error) error { return fmt.Errorf("pull %s: %w", j.plan.Name, err) }

func (j *job) folder() string {
	if j.plan.Convert {
		return filepath.Join(j.stage.Dir, sourceName)
	}
	return j.stage.Dir
}

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
	group.SetLimit(concurrentFiles)
	for _, part := range missing {
		group.Go(func() error {
			r, err := j.Client.Fetch(ctx, part.File, filepath.Join(j.folder(), part.Name), &p)
			if err != nil {
				return err
			}
			j.mu.Lock()
			defer j.mu.Unlock()
			j.rec.Sums[part.Name] = fetchedFile{Size: r.Size, SHA256: strings.TrimPrefix(string(r.SHA256), "sha256:"), Verified: r.Verified}
			return j.write()
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

// adapt rewrites downloaded weights of an architecture that is newer than the built-in engine
// and can be expressed in an older one. Of others it reads only the header.
func (j *job) adapt(ctx context.Context) error {
	i := slices.IndexFunc(j.plan.Parts, func(p Part) bool { return p.Role == models.Weights })
	if i < 0 {
		return nil
	}
	path := j.path(j.plan.Parts[i].Name)
	name := j.plan.Name + ".adapted.gguf"
	if out := filepath.Join(j.stage.Dir, name); j.rec.Adapted == "" || sizeOf(out) < 0 {
		file, err := gguf.Read(path)
		if err != nil || !rehead.Needed(file.Summary().Architecture) {
			return nil // a damaged file is reported when it is verified
		}
		if err := rehead.Write(ctx, path, out, func(done, total int64) { j.progress.set("", done, total) }); err != nil {
			return err
		}
		j.rec.Adapted = name
		if err := j.write(); err != nil {
			return err
		}
	}
	for _, p := range j.plan.Parts {
		if p.Role == models.Weights && j.rec.Sums[p.Name].Path == "" {
			if err := removeIfExists(filepath.Join(j.stage.Dir, p.Name)); err != nil {
				return j.wrap(err)
			}
		}
	}
	return nil
}

func (j *job) fileName(kind string) string { return j.plan.Name + "." + kind + ".gguf" }

func (j *job) convertedName() string {
	if j.plan.Quantize == "" {
		return j.fileName(j.plan.Type)
	}
	return j.plan.Name + ".gguf"
}

func (j *job) convert(ctx context.Context) error {
	out := filepath.Join(j.stage.Dir, j.convertedName())
	// A crash may have left a finished file that the record does not have.
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

func (j *job) quantize(ctx context.Context) error {
	// The original weights are not needed any more, and their disk space is.
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

// files lists the files to install, without sizes.
func (j *job) files() []models.File {
	if !j.plan.Convert {
		var list []models.File
		if j.rec.Adapted != "" {
			list = append(list, models.File{Name: j.rec.Adapted, Role: models.Weights})
		}
		for _, p := range j.plan.Parts {
			if j.rec.Adapted == "" || p.Role != models.Weights {
				list = append(list, models.File{Name: p.Name, Role: p.Role})
			}
		}
		return list
	}
	list := []models.File{{Name: j.fileName(j.plan.Type), Role: models.Weights}}
	if projector := convert.ProjectorPath(j.convertedName()); sizeOf(filepath.Join(j.stage.Dir, projector)) >= 0 {
		list = append(list, models.File{Name: projector, Role: models.Projector})
	}
	return list
}

// verify checks the model files, and computes the missing checksums. Of a downloaded file
// whose hash was verified only the header is read.
func (j *job) verify(ctx context.Context) error {
	j.rec.Manifest.Files = nil
	for _, f := range j.files() {
		sum := j.rec.Sums[f.Name]
		path := filepath.Join(j.stage.Dir, f.Name)
		if sum.Path != "" {
			path, f.Path, f.Name = sum.Path, sum.Path, filepath.Base(sum.Path)
		}
		f.Size = sizeOf(path)
		if f.Role != models.Terms {
			if err := j.verifyModel(ctx, path, f, sum.Verified); err != nil {
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

// verifyModel checks a GGUF file, and with the first part of a split file all others.
func (j *job) verifyModel(ctx context.Context, path string, f models.File, hashVerified bool) error {
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
		j.rec.Manifest.Type = cmp.Or(j.rec.Manifest.Type, file.Summary().FileType)
		if err := j.plan.checkArchitecture(file.Summary().Architecture); err != nil {
			_ = removeContents(j.stage.Dir, nil) // as in badModel
			return err
		}
	}
	if hashVerified {
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

// badModel is the error of a file that is not a model. It empties the stage, so that the
// next run starts from the beginning.
func (j *job) badModel(name string, err error) error {
	_ = removeContents(j.stage.Dir, nil)
	if f, ok := errors.AsType[*gguf.FormatError](err); ok {
		err = errors.New(f.What) // without its path
	}
	return fault.Advise(fault.Errorf(fault.BadModel, "pull %s: %s is not a model: %w", j.plan.Name, name, err), "Choose another source, for instance with --from-source.")
}

func (j *job) checksum(ctx context.Context, path string, size int64) (string, error) {
	sum, _, err := models.Hash(ctx, path, io.Discard, func(done int64) { j.progress.set(filepath.Base(path), done, size) })
	return sum, err
}

func (j *job) install() error {
	m := j.rec.Manifest
	if j.rec.Adapted != "" {
		m.Made = append(m.Made, models.Step{Step: string(Adapting), Version: j.Version})
	}
	if j.plan.Convert {
		m.Made = append(m.Made, models.Step{Step: string(Converting), Version: j.Version})
		if j.plan.Quantize != "" {
			m.Made = append(m.Made, models.Step{Step: string(Quantizing), Type: j.plan.Quantize, Version: j.Version})
		}
	}
	return j.stage.Commit(m)
}
