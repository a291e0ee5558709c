package models

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/fault/suggest"
	"github.com/bise-sh/bise/models/caches"
)

// Find returns the model that ref names. ref is the path of a file, the name of an
// installed or cached model, optionally with its tag, a unique prefix of a name, or the
// hf: or ollama: reference that a model was downloaded from. Case and a final .gguf do
// not matter. Errors are of kind NotFound or BadModel.
func (s Store) Find(ref string) (Model, error) {
	m, err := s.Lookup(ref)
	if err == nil && m.Problem != nil {
		return Model{}, m.problemError()
	}
	return m, err
}

// Lookup is Find for callers that do not open the model: the model may have a Problem.
func (s Store) Lookup(ref string) (Model, error) {
	fetched, err := isSource(ref)
	if err != nil {
		return Model{}, err
	}
	if !fetched {
		if m, ok, err := atPath(ref); ok || err != nil {
			if ok {
				m.Used, m.Verified = s.marks(m)
			}
			return m, err
		}
	}
	own, err := s.installedModels()
	if err != nil {
		return Model{}, err
	}
	// Caches can be large: they are not read for the name of an installed model.
	if m, ok := findExact(own, ref); ok && !fetched {
		m.Used, m.Verified = s.marks(m)
		return m, nil
	}
	list := s.addCached(own)
	switch {
	case fetched:
		return findBySource(list, ref)
	case len(list) == 0:
		return Model{}, s.NoModel(fmt.Sprintf("there is no model %q: no model is installed", ref))
	}
	return findByName(list, ref)
}

// HasName reports whether text is one of the model's complete names.
func (m Model) HasName(text string) bool {
	typed, _, _, _ := caches.Stem(text)
	return strings.EqualFold(m.Name, text) || strings.EqualFold(m.Name, typed) || m.fullName != "" && strings.EqualFold(m.fullName, text) ||
		m.cameFrom(text)
}

func (m Model) problemError() error {
	e := fault.Errorf(fault.BadModel, "cannot use %s: %w", m.Name, m.Problem)
	e.Advice = "Pull or import it again, or remove it with bise rm."
	if errors.Is(m.Problem, ErrNewer) {
		e.Advice = "Use a newer version of bise."
	}
	return e
}

func findExact(list []Model, name string) (Model, bool) {
	for _, m := range list {
		if strings.EqualFold(m.Name, name) {
			return m, true
		}
	}
	for _, m := range list {
		if m.HasName(name) {
			return m, true
		}
	}
	return Model{}, false
}

// findByName finds a model by its name or a unique prefix of it.
func findByName(list []Model, ref string) (Model, error) {
	if m, ok := findExact(list, ref); ok {
		return m, nil
	}
	typed, _, _, _ := caches.Stem(strings.ToLower(ref))
	var begin []Model
	for _, own := range []bool{true, false} {
		for _, m := range list {
			begins := strings.HasPrefix(strings.ToLower(m.Name), typed) || strings.HasPrefix(strings.ToLower(m.fullName), typed)
			if typed != "" && begins && (m.Origin != Cached) == own {
				begin = append(begin, m)
			}
		}
		if len(begin) > 0 {
			break
		}
	}
	if len(begin) == 0 {
		e := fault.Errorf(fault.NotFound, "there is no model %q", ref)
		e.Advice = "Installed: " + nameList(list) + "."
		if word := suggest.Word(typed, modelNames(list)); word != "" {
			e.Advice = fmt.Sprintf("Did you mean %s? %s", word, e.Advice)
		}
		return Model{}, e
	}
	for _, m := range begin[1:] {
		// The other tags of a name follow the default one.
		if before, _, _ := strings.Cut(m.fullName, ":"); m.Origin == Cached || m.fullName == "" || before != begin[0].Name {
			return Model{}, fault.Advise(fault.Errorf(fault.NotFound, "%q matches %d models", ref, len(begin)), "Write more of the name: %s.", nameList(begin))
		}
	}
	return begin[0], nil
}

// isSource reports whether ref names where a model comes from.
func isSource(ref string) (bool, error) {
	if _, ok := cutPrefixFold(ref, "lmstudio:"); ok {
		return true, nil
	}
	r, err := ParseRef(ref)
	if err != nil {
		for _, prefix := range []string{"hf:", "hf.co/", "ollama:"} {
			if _, ok := cutPrefixFold(ref, prefix); ok {
				return false, err
			}
		}
		return false, nil // it may be the name of a file
	}
	return r.Scheme == HuggingFace || r.Scheme == Ollama || r.Scheme == URL, nil
}

func findBySource(list []Model, ref string) (Model, error) {
	var found []Model
	for _, m := range list {
		if m.cameFrom(ref) {
			found = append(found, m)
		}
	}
	switch {
	case len(found) == 1, len(found) > 1 && found[0].Origin != Cached:
		return found[0], nil
	case len(found) > 1:
		e := fault.Errorf(fault.NotFound, "%s matches %d models", ref, len(found))
		var refs []string
		for _, m := range found {
			refs = append(refs, m.fullName)
		}
		e.Advice = "Use one of these: " + shortList(refs) + "."
		return Model{}, e
	}
	return Model{}, fault.Advise(fault.Errorf(fault.NotFound, "%s is not on this machine", ref), "Download it: bise pull %s.", ref)
}

// cameFrom reports whether the model was downloaded from ref. A reference to Hugging Face
// may leave out the file, or give its type instead.
func (m Model) cameFrom(ref string) bool {
	want, err := ParseRef(ref)
	return slices.ContainsFunc(m.sources(), func(source string) bool {
		if strings.EqualFold(source, ref) {
			return true
		}
		is, sourceErr := ParseRef(source)
		if err != nil || sourceErr != nil || is.Scheme != want.Scheme || !strings.EqualFold(is.Repo, want.Repo) {
			return false
		}
		switch want.Scheme {
		case Ollama:
			return strings.EqualFold(is.Host, want.Host) && strings.EqualFold(is.Tag, want.Tag)
		case HuggingFace:
			_, tag := NameOf(is.File)
			return want.File == "" || strings.EqualFold(is.File, want.File) || tag != "" && strings.EqualFold(tag, want.File)
		}
		return false
	})
}

func (m Model) sources() []string {
	switch {
	case m.Origin == Cached:
		return []string{m.fullName}
	case m.Manifest == nil:
		return nil
	}
	var list []string
	if m.Manifest.Source.Ref != "" {
		list = append(list, m.Manifest.Source.Ref)
	}
	if m.Manifest.Source.Kind == HuggingFace {
		list = append(list, "hf:"+m.Manifest.Source.Repo+":"+m.Manifest.Files[0].Name)
	}
	return list
}

// NoModel returns the error of an empty store, of kind NotFound.
func (s Store) NoModel(what string) error {
	return fault.Advise(fault.Errorf(fault.NotFound, "%s", what), "Get one with bise pull, put a GGUF file into %s, or name one: bise ask -m path/to/model.gguf.", s.Dir)
}

// atPath returns the model in the file ref. ok is false if ref is not a path: it has no
// separator, and is not a .gguf file in the working folder.
func atPath(ref string) (_ Model, ok bool, _ error) {
	stem, _, _, named := caches.Stem(filepath.Base(ref))
	separated := strings.ContainsRune(ref, '/') || strings.ContainsRune(ref, filepath.Separator)
	if !separated && !named {
		return Model{}, false, nil
	}
	info, err := os.Stat(ref)
	switch {
	case err != nil && !separated:
		return Model{}, false, nil
	case errors.Is(err, fs.ErrNotExist):
		return Model{}, false, fault.Advise(fault.Errorf(fault.NotFound, "there is no file %s", ref), "Check the path, or give the name of an installed model.")
	case err != nil:
		return Model{}, false, fault.Errorf(fault.BadModel, "cannot read %s: %w", ref, withoutPath(err))
	case info.IsDir():
		return Model{}, false, fault.Advise(fault.Errorf(fault.BadModel, "cannot load %s: it is a folder", ref), "Give the path of a GGUF file.")
	case !info.Mode().IsRegular():
		return Model{}, false, fault.Advise(fault.Errorf(fault.BadModel, "cannot load %s: it is not a regular file", ref), "Give the path of a GGUF file.")
	}
	path, err := filepath.Abs(ref)
	if err != nil {
		return Model{}, false, fault.Errorf(fault.BadModel, "cannot find %s: %w", ref, err)
	}
	m := Model{Name: stem, Origin: Elsewhere, Modified: info.ModTime()}
	m.add(File{Name: filepath.Base(path), Path: path, Size: info.Size(), Role: Weights})
	m.setSize()
	return m, true, nil
}

func modelNames(list []Model) []string {
	var names []string
	for _, m := range list {
		names = append(names, m.Name)
	}
	return names
}

func nameList(list []Model) string { return shortList(modelNames(list)) }

// shortList joins at most eight of the texts.
func shortList(all []string) string {
	if len(all) > 8 {
		return strings.Join(all[:8], ", ") + fmt.Sprintf(" and %d more", len(all)-8)
	}
	return strings.Join(all, ", ")
}
