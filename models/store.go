// Package models manages the models on this machine.
//
// A [Store] is the folder of installed models. Each model is a folder with a [Manifest];
// GGUF files that the user put there are models too. One rename installs a model (see
// [Stage]) and one rename moves it to the trash, so a model is always complete, also after
// a crash. Any number of processes may use a store.
package models

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bise-sh/bise/models/caches"
)

// An Origin says where the files of a model are.
type Origin string

const (
	Installed  Origin = "installed" // in the store, with a manifest
	Registered Origin = "imported"  // elsewhere; the store has a manifest
	Loose      Origin = "file"      // in the store's folder, without a manifest
	Cached     Origin = "cache"     // in the cache of Model.Program
	Elsewhere  Origin = "path"      // at a path that the user gave
)

// A Model is a model on this machine.
type Model struct {
	// Name finds the model: "codestral", "codestral:q8_0" for a second tag, or the file's
	// name without .gguf.
	Name   string
	Tag    string // where it has one
	Origin Origin
	// Program is the program whose cache has it.
	Program string

	Path      string    // of the weights, absolute; of a split file, the first part
	Projector string    // path of its projector; "": unknown, there may be one beside the model
	Adapters  []string  // paths of its LoRA adapters
	Files     []File    // all of the above, with their paths
	Size      int64     // bytes of all files but texts
	Modified  time.Time // when it was installed, or the first file changed

	Manifest *Manifest // nil where the store has none
	Used     time.Time // zero: never
	Verified time.Time // zero: not since it changed
	// Problem is why it cannot be opened, or nil.
	Problem error

	fullName string // name:tag, or the Ref of a cached model
}

func (m *Model) setSize() {
	m.Size = 0
	for _, f := range m.Files {
		if f.Role != Terms {
			m.Size += f.Size
		}
	}
}

// A Store is the folder of installed models. It need not exist.
type Store struct {
	Dir string
	// Caches are other programs' folders of models.
	Caches []caches.Cache
}

// List returns the installed models by name, then the models of other programs. It
// includes models that cannot be opened, see [Model.Problem].
func (s Store) List() ([]Model, error) {
	list, err := s.installedModels()
	if err != nil {
		return nil, err
	}
	return s.addCached(list), nil
}

// addCached appends the models of other programs, and sets when each was used and verified.
func (s Store) addCached(own []Model) []Model {
	list := append(own, s.cached(own)...)
	for i := range list {
		list[i].Used, list[i].Verified = s.marks(list[i])
	}
	return list
}

// installedModels returns the models in the store's folder by name.
func (s Store) installedModels() ([]Model, error) {
	s.recover()
	entries, err := os.ReadDir(s.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, storeError("list installed models", err)
	}
	var list []Model
	for _, entry := range entries {
		if ValidName(entry.Name()) && entry.IsDir() {
			list = append(list, s.variants(entry.Name())...)
		}
	}
	taken := map[string]bool{}
	for _, m := range list {
		taken[strings.ToLower(m.Name)] = true
	}
	for _, m := range s.loose(entries) {
		if taken[strings.ToLower(m.Name)] {
			m.Name = filepath.Base(m.Path)
		}
		list = append(list, m)
	}
	slices.SortFunc(list, compareNames)
	return list, nil
}

func compareNames(a, b Model) int {
	return cmp.Or(cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.Path, b.Path))
}

// variants returns the installed tags of a name. The name alone means the oldest one, so
// that a later installation does not change its meaning.
func (s Store) variants(name string) []Model {
	entries, err := os.ReadDir(filepath.Join(s.Dir, name))
	if err != nil {
		return nil
	}
	var list []Model
	for _, entry := range entries {
		if entry.IsDir() && ValidName(entry.Name()) {
			if m, ok := s.installed(name, entry.Name()); ok {
				list = append(list, m)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b Model) int { return a.Modified.Compare(b.Modified) })
	for i := range list {
		list[i].Name = name
		if i > 0 {
			list[i].Name += ":" + list[i].Tag
		}
	}
	return list
}

// Installed returns the model that is installed under this name and tag.
func (s Store) Installed(name, tag string) (Model, bool) {
	if !ValidName(name) || !ValidName(tag) {
		return Model{}, false
	}
	s.recover()
	for _, m := range s.variants(name) {
		if m.Tag == tag {
			m.Used, m.Verified = s.marks(m)
			return m, true
		}
	}
	return Model{}, false
}

func (s Store) installed(name, tag string) (Model, bool) {
	dir := s.folder(name, tag)
	for {
		at, err := os.Stat(filepath.Join(dir, manifestName))
		if errors.Is(err, fs.ErrNotExist) {
			return Model{}, false
		}
		m := s.read(dir, name, tag, at, err)
		if m.Problem == nil || err != nil {
			return m, true
		}
		// Another process may have replaced the model meanwhile.
		if now, err := os.Stat(filepath.Join(dir, manifestName)); err == nil && os.SameFile(at, now) {
			return m, true
		}
	}
}

// read reads the model in dir; at describes the file of its manifest, or err is set.
func (s Store) read(dir, name, tag string, at os.FileInfo, err error) Model {
	m := Model{Name: name, Tag: tag, Origin: Installed, fullName: name + ":" + tag}
	if err == nil {
		m.Modified = at.ModTime()
		var man Manifest
		man, err = readManifest(dir)
		if err == nil && (man.Name != name || man.Tag != tag) {
			err = fmt.Errorf("the manifest is of %s:%s", man.Name, man.Tag)
		}
		if err == nil {
			m.Manifest, m.Modified = &man, man.Created
		}
	}
	if err != nil {
		m.Path, m.Problem = dir, err
		return m
	}
	for _, f := range m.Manifest.Files {
		if err := checkFile(dir, f); err != nil && m.Problem == nil {
			m.Problem = err
		}
		if f.Path == "" {
			f.Path = filepath.Join(dir, f.Name)
		} else if f.Role == Weights {
			m.Origin = Registered
		}
		m.add(f)
	}
	m.setSize()
	return m
}

func (m *Model) add(f File) {
	m.Files = append(m.Files, f)
	switch {
	case f.Role == Weights && m.Path == "":
		m.Path = f.Path
	case f.Role == Projector && m.Projector == "":
		m.Projector = f.Path
	case f.Role == Adapter:
		m.Adapters = append(m.Adapters, f.Path)
	}
}
