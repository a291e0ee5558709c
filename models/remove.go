package models

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/models/caches"
)

// A Removed model is in the trash: it can be restored until it is purged, or until this
// process ends. Afterwards it is a [Leftover].
type Removed struct {
	Model Model
	Frees int64 // bytes that purging frees on the disk

	store   Store
	trashed trashed
	lock    *flock.Flock
}

// CheckRemovable returns an error of kind Invalid if the model is not in the store.
func (m Model) CheckRemovable() error {
	switch m.Origin {
	case Cached:
		e := fault.Errorf(fault.Invalid, "cannot remove %s: it belongs to %s", m.Name, m.Program)
		e.Advice = map[caches.Program]string{
			caches.Ollama:      "Remove it there: ollama rm " + strings.TrimPrefix(m.fullName, "ollama:") + ".",
			caches.HuggingFace: "Remove it there: hf cache rm. It is in " + filepath.Dir(m.Path) + ".",
			caches.LMStudio:    "Remove it in LM Studio, under My Models.",
		}[caches.Program(m.Program)]
		return e
	case Elsewhere:
		return fault.Advise(fault.Errorf(fault.Invalid, "cannot remove %s: it is not in the store", m.Path), "Delete the file yourself.")
	}
	return nil
}

// Remove moves a model to the trash in one step. The original files of an imported or
// linked model stay. See [Model.CheckRemovable].
func (s Store) Remove(m Model) (*Removed, error) {
	if err := m.CheckRemovable(); err != nil {
		return nil, err
	}
	var paths []string
	label := strings.ReplaceAll(m.Name, ":", nameSeparator)
	if m.Origin == Loose {
		for _, f := range m.Files {
			paths = append(paths, f.Path)
		}
		stem, _, _, _ := caches.Stem(filepath.Base(m.Path))
		paths = append(paths, filepath.Join(s.Dir, stem+".mmproj.gguf"))
	} else {
		name, _, _ := strings.Cut(m.Name, ":")
		paths = []string{s.folder(name, m.Tag)}
	}
	what := "remove " + m.Name
	unlock, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	r := &Removed{Model: m, store: s}
	for _, path := range paths {
		r.Frees += freedBytes(path)
	}
	if r.trashed, err = s.moveToTrash(label, paths...); err != nil {
		return nil, storeError(what, err)
	}
	if r.trashed.dir == "" {
		return nil, fault.Errorf(fault.NotFound, "cannot %s: it is not there any more", what)
	}
	if r.lock, err = tryLock(r.trashed.dir + lockSuffix); err != nil || r.lock == nil {
		return nil, storeError(what, errors.Join(err, r.trashed.restore()))
	}
	if m.Origin != Loose {
		_ = remove(filepath.Dir(paths[0])) // if it is empty
	}
	return r, nil
}

// Undo puts the model back. It fails if another model has its name by now.
func (r *Removed) Undo() error {
	unlock, err := r.store.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := r.trashed.restore(); err != nil {
		return storeError("put "+r.Model.Name+" back", err)
	}
	return r.unlock()
}

// Purge removes the model for good.
func (r *Removed) Purge() error {
	if err := purge(r.trashed.dir); err != nil {
		return storeError("remove "+r.Model.Name, err)
	}
	for _, k := range []mark{used, verified} {
		_ = remove(r.store.mark(k, r.Model.Path))
	}
	return r.unlock()
}

func (r *Removed) unlock() error {
	_ = remove(r.trashed.dir + lockSuffix)
	return r.lock.Unlock()
}

// freedBytes is how many bytes removing path frees on the disk: none for links and for
// files with several names. Manifests are not counted.
func freedBytes(path string) int64 {
	var sum int64
	_ = filepath.WalkDir(path, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.Name() == manifestName {
			return nil
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() && hardLinks(info) <= 1 {
			sum += info.Size()
		}
		return nil
	})
	return sum
}
