// Package models knows the models on this machine.
//
// A [Store] is the folder of installed models. Each of them is a folder with a
// [Manifest]; beside them may lie GGUF files that somebody has put there. A model
// appears by one rename of a folder in which it was put together (see [Stage]) and
// disappears by one rename into a trash, so that it is always there whole or not
// at all, whatever ends the process. Any number of processes may use a store.
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
	"syscall"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/models/caches"
	"github.com/bise-sh/bise/nearest"
)

// An Origin is who keeps the files of a model.
type Origin string

const (
	Installed  Origin = "installed" // the store, which has a manifest of them
	Registered Origin = "imported"  // somebody else; the store has a manifest
	Loose      Origin = "file"      // the store's folder, into which somebody put them
	Cached     Origin = "cache"     // another program, see Model.Program
	Elsewhere  Origin = "path"      // nobody that the store knows: a path was given
)

// A Model is a model that can be opened.
type Model struct {
	// Name is what people call it, and finds it: "codestral"; "codestral:q8_0"
	// beside another one of that name; the file's name without .gguf.
	Name   string
	Tag    string // where it has one
	Origin Origin
	// Program is the one that has it in its cache.
	Program string

	Path      string    // of the weights, absolute; of a split file, the first part
	Projector string    // of its vision tower; "": none is known, one may lie beside it
	Adapters  []string  // that belong to it
	Files     []File    // all of the above, with their paths
	Size      int64     // bytes of all files but texts
	Modified  time.Time // when it was installed, or the first file changed

	Manifest *Manifest // nil where the store has none
	Used     time.Time // zero when nobody has opened it yet
	Verified time.Time // zero when it has not been verified since it changed
	// Problem is why it cannot be opened: nil for most.
	Problem error
}

// sum sets the size.
func (m *Model) sum() {
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
	// Caches are the folders of other programs whose models are found too.
	Caches []caches.Cache
}

// List gives the installed models by name, then those of other programs. Those
// that cannot be opened are among them, see [Model.Problem].
func (s Store) List() ([]Model, error) {
	list, err := s.own()
	if err != nil {
		return nil, err
	}
	list = append(list, s.cached(list)...)
	for i := range list {
		list[i].Used, list[i].Verified = s.marks(list[i])
	}
	return list, nil
}

// own gives the models in the store's folder by name.
func (s Store) own() ([]Model, error) {
	s.settle()
	entries, err := os.ReadDir(s.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, cannot("list installed models", err)
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
	slices.SortFunc(list, byName)
	return list, nil
}

func byName(a, b Model) int {
	return cmp.Or(cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.Path, b.Path))
}

// variants are the installed models of a name. The one that was installed first
// is what the name alone means, so that another one does not change it.
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

// Installed gives the model that is installed under exactly this name and tag.
func (s Store) Installed(name, tag string) (Model, bool) {
	if !ValidName(name) || !ValidName(tag) {
		return Model{}, false
	}
	s.settle()
	for _, m := range s.variants(name) {
		if m.Tag == tag {
			return m, true
		}
	}
	return Model{}, false
}

// installed reads the model in a folder, if it is one.
func (s Store) installed(name, tag string) (Model, bool) {
	dir := s.folder(name, tag)
	at, err := os.Stat(filepath.Join(dir, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return Model{}, false
	}
	m := Model{Name: name, Tag: tag, Origin: Installed}
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
		return m, true
	}
	for _, f := range m.Manifest.Files {
		if err := present(dir, f); err != nil && m.Problem == nil {
			m.Problem = err
		}
		if f.Path == "" {
			f.Path = filepath.Join(dir, f.Name)
		} else if f.Role == Weights {
			m.Origin = Registered
		}
		m.add(f)
	}
	m.sum()
	return m, true
}

// add takes a file in, which has its path.
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

// Find gives the model that ref names: the path of a file, or the name of an
// installed model, with its tag where there are several, or of one in another
// program's cache. Case does not matter in a name, nor does .gguf at its end, and
// its beginning is enough when only one model begins so. Errors are of kind
// NotFound or BadModel.
func (s Store) Find(ref string) (Model, error) {
	if m, ok, err := atPath(ref); ok || err != nil {
		if ok {
			m.Used, m.Verified = s.marks(m)
		}
		return m, err
	}
	list, err := s.List()
	if err != nil {
		return Model{}, err
	}
	if len(list) == 0 {
		return Model{}, s.none(fmt.Sprintf("there is no model %q: no model is installed", ref))
	}
	m, err := pick(list, ref)
	if err == nil && m.Problem != nil {
		e := engine.Errorf(engine.BadModel, "cannot use %s: %w", m.Name, m.Problem)
		e.Advice = "Pull or import it again, or remove it with bise rm."
		if errors.Is(m.Problem, ErrNewer) {
			e.Advice = "Use that version of bise."
		}
		return Model{}, e
	}
	return m, err
}

// Pick gives the model of a list that a name means, by the rules of Find, even if
// it cannot be opened.
func pick(list []Model, ref string) (Model, error) {
	typed, _ := cutExtension(strings.ToLower(ref))
	var begin []Model
	for _, m := range list {
		name := strings.ToLower(m.Name)
		if name == typed || name == strings.ToLower(ref) || m.tagged(typed) {
			return m, nil
		}
		if typed != "" && strings.HasPrefix(name, typed) {
			begin = append(begin, m)
		}
	}
	switch len(begin) {
	case 1:
		return begin[0], nil
	case 0:
		e := engine.Errorf(engine.NotFound, "there is no model %q", ref)
		e.Advice = "Installed: " + names(list) + "."
		if word := nearest.Word(typed, each(list)); word != "" {
			e.Advice = fmt.Sprintf("Did you mean %s? %s", word, e.Advice)
		}
		return Model{}, e
	}
	e := engine.Errorf(engine.NotFound, "%q is the beginning of %d models", ref, len(begin))
	e.Advice = "Write more of the name: " + names(begin) + "."
	return Model{}, e
}

// tagged reports whether a text is the model's name with its tag, which may be
// written where it need not.
func (m Model) tagged(text string) bool {
	return m.Manifest != nil && text == m.Manifest.Name+":"+m.Tag
}

// Default is the model to use when none is named: the one that was installed or
// changed last. It is an error of kind NotFound when there is none.
func (s Store) Default() (Model, error) {
	list, err := s.List()
	if err != nil {
		return Model{}, err
	}
	// What other programs have is used when it is asked for, or all there is.
	for _, own := range []bool{true, false} {
		var last *Model
		for i, m := range list {
			if m.Problem == nil && (m.Origin != Cached) == own && (last == nil || m.Modified.After(last.Modified)) {
				last = &list[i]
			}
		}
		if last != nil {
			return *last, nil
		}
	}
	return Model{}, s.none("no model is installed")
}

func (s Store) none(what string) error {
	e := engine.Errorf(engine.NotFound, "%s", what)
	e.Advice = fmt.Sprintf("Put a GGUF file into %s, or name one: bise ask -m path/to/model.gguf.", s.Dir)
	return e
}

// atPath is the model in the file ref, if ref is a path: it has a separator, or
// ends in .gguf and lies in the working folder.
func atPath(ref string) (_ Model, ok bool, _ error) {
	stem, named := cutExtension(filepath.Base(ref))
	separated := strings.ContainsRune(ref, '/') || strings.ContainsRune(ref, filepath.Separator)
	if !separated && !named {
		return Model{}, false, nil
	}
	info, err := os.Stat(ref)
	switch {
	case err != nil && !separated:
		return Model{}, false, nil
	case errors.Is(err, fs.ErrNotExist):
		e := engine.Errorf(engine.NotFound, "there is no file %s", ref)
		e.Advice = "Check the path, or give the name of an installed model."
		return Model{}, false, e
	case err != nil:
		return Model{}, false, engine.Errorf(engine.BadModel, "cannot read %s: %w", ref, bare(err))
	case info.IsDir():
		e := engine.Errorf(engine.BadModel, "cannot load %s: it is a folder", ref)
		e.Advice = "Give the path of a GGUF file."
		return Model{}, false, e
	case !info.Mode().IsRegular():
		e := engine.Errorf(engine.BadModel, "cannot load %s: it is not a regular file", ref)
		e.Advice = "Give the path of a GGUF file."
		return Model{}, false, e
	}
	path, err := filepath.Abs(ref)
	if err != nil {
		return Model{}, false, engine.Errorf(engine.BadModel, "cannot find %s: %w", ref, err)
	}
	m := Model{Name: part.ReplaceAllString(stem, ""), Origin: Elsewhere, Modified: info.ModTime()}
	m.add(File{Name: filepath.Base(path), Path: path, Size: info.Size(), Role: Weights})
	m.sum()
	return m, true, nil
}

// cannot is the error of an operation on the store's folder that the system does
// not allow, with what to do where that is known.
func cannot(what string, err error) error {
	if _, ok := errors.AsType[*engine.Error](err); ok {
		return err
	}
	e := engine.Errorf(engine.Internal, "cannot %s: %w", what, err)
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		e.Advice = "Make room on the disk: bise gc removes what nobody needs, bise rm a model."
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		e.Advice = "See who may write there, or set XDG_DATA_HOME to another folder."
	}
	return e
}

// bare is the error without operation and path.
func bare(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

func each(list []Model) []string {
	var names []string
	for _, m := range list {
		names = append(names, m.Name)
	}
	return names
}

// names are at most eight of the models' names in one phrase.
func names(list []Model) string {
	all := each(list)
	if len(all) > 8 {
		return strings.Join(all[:8], ", ") + fmt.Sprintf(" and %d more", len(all)-8)
	}
	return strings.Join(all, ", ")
}
