// Package models knows the models on this machine.
package models

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/nearest"
)

const extension = ".gguf"

// A Model is a model file that can be opened.
type Model struct {
	Name     string    // the file's name without .gguf
	Path     string    // absolute; of a split file, its first part
	Size     int64     // bytes, over all parts
	Modified time.Time // of the first part
}

// A Store is the folder of installed models. It need not exist.
type Store struct {
	Dir string
}

// part is the end of the name of a split file, as llama.cpp writes it.
var part = regexp.MustCompile(`(?i)-(\d{5})-of-(\d{5})$`)

// List gives the installed models by name. Projectors (mmproj), and the parts
// of split files after the first, are not models by themselves.
func (s Store) List() ([]Model, error) {
	entries, err := os.ReadDir(s.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list installed models: %w", err)
	}
	var list []Model
	later := map[string]int64{} // size of the parts after the first
	for _, entry := range entries {
		stem, ok := cutExtension(entry.Name())
		if !ok || strings.HasPrefix(stem, ".") || strings.Contains(strings.ToLower(stem), "mmproj") {
			continue
		}
		path := filepath.Join(s.Dir, entry.Name())
		// Stat, not entry.Info: links to files elsewhere are models too.
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		if m := part.FindStringSubmatch(stem); m != nil {
			stem = strings.TrimSuffix(stem, m[0])
			if m[1] != "00001" {
				later[stem] += info.Size()
				continue
			}
		}
		list = append(list, Model{Name: stem, Path: path, Size: info.Size(), Modified: info.ModTime()})
	}
	for i := range list {
		if part.MatchString(strings.TrimSuffix(list[i].Path, filepath.Ext(list[i].Path))) {
			list[i].Size += later[list[i].Name]
		}
	}
	slices.SortFunc(list, func(a, b Model) int { return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	return list, nil
}

// Find gives the model that ref names: the path of a file, or the name of an
// installed model. Case does not matter in a name, nor does .gguf at its end,
// and its beginning is enough when only one model begins so. Errors are of kind
// NotFound or BadModel.
func (s Store) Find(ref string) (Model, error) {
	if m, ok, err := atPath(ref); ok || err != nil {
		return m, err
	}
	list, err := s.List()
	if err != nil {
		return Model{}, err
	}
	if len(list) == 0 {
		return Model{}, s.none(fmt.Sprintf("there is no model %q: no model is installed", ref))
	}
	typed, _ := cutExtension(strings.ToLower(ref))
	var begin []Model
	for _, m := range list {
		name := strings.ToLower(m.Name)
		if name == typed {
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

// Default is the model to use when none is named: the one that was installed or
// changed last. It is an error of kind NotFound when there is none.
func (s Store) Default() (Model, error) {
	list, err := s.List()
	if err != nil {
		return Model{}, err
	}
	if len(list) == 0 {
		return Model{}, s.none("no model is installed")
	}
	return slices.MaxFunc(list, func(a, b Model) int { return a.Modified.Compare(b.Modified) }), nil
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
	return Model{Name: part.ReplaceAllString(stem, ""), Path: path, Size: info.Size(), Modified: info.ModTime()}, true, nil
}

// bare is the error without operation and path.
func bare(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// cutExtension cuts .gguf off a name, in any case.
func cutExtension(name string) (stem string, ok bool) {
	if n := len(name) - len(extension); n > 0 && strings.EqualFold(name[n:], extension) {
		return name[:n], true
	}
	return name, false
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
