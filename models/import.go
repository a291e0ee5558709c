package models

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/models/caches"
	"github.com/bise-sh/bise/models/rehead"
	"github.com/bise-sh/bise/units"
)

// A Way is how the files of an imported model come into the store.
type Way string

const (
	InPlace Way = ""     // the store records their path
	Link    Way = "link" // the store has hard links to them; both must be on the same disk
	Copy    Way = "copy"
)

// An Import describes a model to add to the store.
type Import struct {
	Path      string // of a GGUF file, one of its parts, or a folder that has one model
	Projector string // path of its projector; may be empty
	// Adapters are paths of LoRA adapters (GGUF), which are always copied. With them Path may be
	// a model of the store: the new model shares its weights.
	Adapters  []string
	Way       Way
	Name, Tag string   // "": from the file
	Can       []string // abilities, for the manifest
	Made      []Step
	// Progress, which may be nil, is called with the number of bytes read.
	Progress func(done, total int64)
}

// Import adds a model to the store. All its bytes are read, because Verify needs their
// checksum.
func (s Store) Import(ctx context.Context, im Import) (Model, error) {
	path, err := weightsPath(im.Path)
	if err != nil {
		return Model{}, err
	}
	if s.has(path) && len(im.Adapters) == 0 {
		return Model{}, fault.Advise(fault.Errorf(fault.Invalid, "cannot import %s: it is in the store", im.Path), "List its name with bise list.")
	}
	header, m, err := describe(path)
	if err != nil {
		return Model{}, err
	}
	for _, a := range im.Adapters {
		if err := CheckAdapter(a, header); err != nil {
			return Model{}, err
		}
	}
	name, tag := NameOf(path)
	name = cmp.Or(strings.ToLower(im.Name), name, "model")
	tag = cmp.Or(strings.ToLower(im.Tag), strings.ToLower(m.Type), tag, "gguf")
	if !ValidName(name) || !ValidName(tag) {
		return Model{}, fault.Advise(fault.Errorf(fault.Invalid, "invalid model name %s:%s", name, tag), "A name has letters, digits, dots, dashes and underscores.")
	}
	st, err := s.Stage(name, tag)
	if err != nil {
		return Model{}, err
	}
	defer st.Release()
	if _, ok := s.Installed(name, tag); ok {
		err = fault.Advise(fault.Errorf(fault.Invalid, "cannot import %s: %s:%s is already installed", im.Path, name, tag), "Choose another name with --name, or remove that model with bise rm.")
	} else if m.Files, err = st.addFiles(ctx, header, im); err == nil {
		m.Source, m.Can, m.Made = Source{Kind: ByPath, Repo: path}, im.Can, im.Made
		err = st.Commit(m)
	}
	if err != nil {
		return Model{}, errors.Join(err, st.Discard())
	}
	got, ok := s.Installed(name, tag)
	if !ok {
		return Model{}, fault.Errorf(fault.NotFound, "cannot import %s: another process removed it", im.Path)
	}
	return got, nil
}

// CheckAdapter checks that a file is a LoRA adapter for a model of the architecture of base.
// Its errors are of the kind [fault.BadModel].
func CheckAdapter(path string, base *gguf.File) error {
	file, err := gguf.Read(path)
	if err == nil {
		err = file.Check()
	}
	if err != nil {
		if f, ok := errors.AsType[*gguf.FormatError](err); ok {
			err = f // without the path, which the message has
		}
		return fault.Advise(fault.Errorf(fault.BadModel, "cannot use the adapter %s: %w", path, withoutPath(err)), "Give the path of a LoRA adapter as GGUF; bise convert makes one.")
	}
	if kind, _ := file.Metadata.String("general.type"); kind != "adapter" {
		return fault.Advise(fault.Errorf(fault.BadModel, "cannot use the adapter %s: it is not a LoRA adapter", path), "Give the path of a LoRA adapter as GGUF; bise convert makes one.")
	}
	of, _ := file.Metadata.String("general.architecture")
	if want, _ := base.Metadata.String("general.architecture"); of != want {
		return fault.Advise(fault.Errorf(fault.BadModel, "cannot use the adapter %s: it is for the architecture %q, and the model has %q", path, of, want), "Give an adapter of this model.")
	}
	return nil
}

// has reports whether a path is in the store.
func (s Store) has(path string) bool {
	within, err := filepath.Rel(s.Dir, path)
	return err == nil && filepath.IsLocal(within)
}

// weightsPath returns the absolute path of the weights at path, which may be a folder.
func weightsPath(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fault.Advise(fault.Errorf(fault.NotFound, "cannot import %s: %w", path, withoutPath(err)), "Check the path.")
	}
	if info.IsDir() {
		entries, err := os.ReadDir(path)
		if err != nil {
			return "", fault.Errorf(fault.BadModel, "cannot import %s: %w", path, withoutPath(err))
		}
		found := caches.InFolder(path, entries)
		safetensors := slices.ContainsFunc(entries, func(e os.DirEntry) bool { return filepath.Ext(e.Name()) == ".safetensors" })
		switch {
		case len(found) == 1:
			path = found[0].Files[0].Path
		case len(found) > 1:
			return "", fault.Advise(fault.Errorf(fault.Invalid, "cannot import %s: it has %d models", path, len(found)), "Give the path of one file.")
		case safetensors:
			return "", fault.Advise(fault.Errorf(fault.BadModel, "cannot import %s: its weights are safetensors, not GGUF", path), "Convert them first: bise convert %s -o model.gguf.", path)
		default:
			return "", fault.Advise(fault.Errorf(fault.BadModel, "cannot import %s: it has no GGUF file", path), "Give the path of a GGUF file.")
		}
	}
	return filepath.Abs(path)
}

// describe reads the header of the weights at path, and what the manifest says of them.
func describe(path string) (*gguf.File, Manifest, error) {
	file, err := gguf.Read(path)
	if err == nil {
		err = file.Check()
	}
	if err != nil {
		if f, ok := errors.AsType[*gguf.FormatError](err); ok {
			err = f // without the path, which the message has
		}
		return nil, Manifest{}, fault.Advise(fault.Errorf(fault.BadModel, "cannot import %s: %w", path, err), "Give the path of a complete GGUF file.")
	}
	if kind, ok := file.Metadata.String("general.type"); ok && kind != "model" {
		return nil, Manifest{}, fault.Advise(fault.Errorf(fault.BadModel, "cannot import %s: its type is %s, not model", path, kind), "Give the path of the model.")
	}
	sum := file.Summary()
	m := Manifest{Type: sum.FileType} // general.name is often the name of a training run
	m.Licence.ID, _ = file.Metadata.String("general.license")
	m.Licence.Name, _ = file.Metadata.String("general.license.name")
	m.Licence.Link, _ = file.Metadata.String("general.license.link")
	for _, text := range []*string{&m.Licence.ID, &m.Licence.Name, &m.Licence.Link} {
		*text = strings.ToValidUTF8((*text)[:min(len(*text), 200)], "")
	}
	return file, m, nil
}

// addFiles adds the files of an import to the stage, or records their paths.
func (st *Stage) addFiles(ctx context.Context, header *gguf.File, im Import) ([]File, error) {
	adapt := rehead.Needed(header.Summary().Architecture)
	var files []File
	if adapt {
		path := header.Parts[0].Path
		name, _ := NameOf(path)
		files = []File{{Name: cmp.Or(name, "model") + ".adapted.gguf", Path: path, Role: Weights, Size: header.Size()}}
	} else {
		for _, p := range header.Parts {
			files = append(files, File{Name: filepath.Base(p.Path), Path: p.Path, Role: Weights})
		}
	}
	if im.Projector != "" {
		p, err := filepath.Abs(im.Projector)
		if err != nil {
			return nil, err
		}
		files = append(files, File{Name: filepath.Base(p), Path: p, Role: Projector})
	}
	for _, path := range im.Adapters {
		p, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		files = append(files, File{Name: filepath.Base(p), Path: p, Role: Adapter})
	}
	var done, total int64
	for i := range files {
		info, err := os.Stat(files[i].Path)
		if err != nil {
			return nil, fault.Errorf(fault.NotFound, "cannot import %s: %w", files[i].Path, withoutPath(err))
		}
		files[i].Size = max(files[i].Size, info.Size())
		total += files[i].Size
	}
	if free, ok := atomicfile.Free(st.Dir); ok && im.Way == Copy && free < total {
		return nil, fault.Advise(fault.Errorf(fault.Internal, "cannot copy %s: it needs %s and %s are free", im.Path, units.Size(total), units.Size(free)), makeRoom)
	}
	for i := range files {
		f := &files[i]
		add, way := st.addFile, im.Way
		switch {
		case adapt && f.Role == Weights:
			add, way = st.addAdapted, Copy
		case f.Role == Adapter:
			way = Copy
		case len(im.Adapters) > 0 && way == InPlace && st.store.has(f.Path):
			way = Link // the other model can be removed
		}
		size := f.Size
		sum, n, err := add(ctx, f.Path, f.Name, way, func(n int64) {
			if im.Progress != nil {
				im.Progress(done+min(n, size), total)
			}
		})
		if err != nil {
			return nil, err
		}
		f.SHA256, f.Size = sum, n
		if way != InPlace {
			f.Path = ""
		}
		done += size
	}
	return files, nil
}

// addAdapted is addFile for weights that are rewritten for the built-in engine.
func (st *Stage) addAdapted(ctx context.Context, from, name string, _ Way, progress func(done int64)) (sum string, n int64, err error) {
	to := filepath.Join(st.Dir, name)
	if err = removeAll(to); err == nil {
		err = rehead.Write(ctx, from, to, func(done, _ int64) { n = done / 2; progress(n) })
	}
	if err == nil {
		written := n
		sum, n, err = Hash(ctx, to, io.Discard, func(done int64) { progress(written + done/2) })
	}
	if err != nil && ctx.Err() == nil {
		err = storeError("import "+from, err)
	}
	return sum, n, err
}
