package models

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/fault"
)

const (
	incoming      = ".incoming" // the folder of stages
	nameSeparator = "@"         // between name and tag where both are one name; in neither
	lockSuffix    = ".lock"
)

// ErrBusy reports that another process is doing the same.
var ErrBusy = errors.New("another process is doing that")

// A Stage is a folder in which a model is put together. It belongs to one process at a
// time, and the process that stages the same model after a crash finds what is there.
type Stage struct {
	// Dir is where the model's files are at Commit, under their names in the manifest.
	// What else is there then is removed: journals, sources.
	Dir string

	store     Store
	name, tag string
	lock      *flock.Flock
}

// Staging is the folder of the stage of a model, whether it is there or not; a
// process that waits for it may look, and must not write.
func (s Store) Staging(name, tag string) string {
	return filepath.Join(s.Dir, incoming, name+nameSeparator+tag)
}

// Stage opens the stage of a model. While another process has it, the error is
// ErrBusy; try again, or look into Staging for how far the other is. The model
// may have been installed meanwhile: see Installed.
func (s Store) Stage(name, tag string) (*Stage, error) {
	if !ValidName(name) || !ValidName(tag) {
		return nil, fault.Errorf(fault.Invalid, "%s:%s cannot be the name of a model", name, tag)
	}
	unlock, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if _, err := readManifest(s.folder(name, tag)); errors.Is(err, ErrNewer) {
		return nil, fault.Advise(fault.Errorf(fault.Invalid, "cannot replace %s:%s: %w", name, tag, err), "Use that version of bise, or remove the model first: bise rm %s:%s.", name, tag)
	}
	st := &Stage{Dir: s.Staging(name, tag), store: s, name: name, tag: tag}
	if err := os.MkdirAll(filepath.Dir(st.Dir), 0o700); err != nil {
		return nil, storeError("prepare "+name, err)
	}
	if st.lock, err = tryLock(st.Dir + lockSuffix); err != nil {
		return nil, storeError("prepare "+name, err)
	}
	if st.lock == nil {
		return nil, fault.Advise(fault.Errorf(fault.Busy, "cannot prepare %s:%s: %w", name, tag, ErrBusy), "Wait until it is done.")
	}
	_, err = s.installStage(st.Dir, name, tag)
	if err == nil {
		err = os.MkdirAll(st.Dir, 0o700)
	}
	if err != nil {
		_ = st.lock.Unlock()
		return nil, storeError("prepare "+name, err)
	}
	return st, nil
}

// Commit installs what has been staged as the manifest describes it, in the place
// of what was installed under that name and tag, and ends the stage. Version, Name
// and Tag are filled in, Created too where it is zero. Hashes in the manifest are
// those of bytes that the caller has seen: the model counts as verified. It is there
// with all its files, or not at all; it is once Commit has returned, and may be
// after a crash in it. After an error the stage is as it was.
func (st *Stage) Commit(m Manifest) error {
	now := time.Now()
	m.Version, m.Name, m.Tag = manifestVersion, st.name, st.tag
	if m.Created.IsZero() {
		m.Created = now.UTC().Truncate(time.Second)
	}
	what := fmt.Sprintf("install %s:%s", st.name, st.tag)
	if err := m.Check(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	data, err := m.encode()
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	for _, f := range m.Files {
		err := checkFile(st.Dir, f)
		if err == nil && f.Path == "" {
			err = atomicfile.Sync(filepath.Join(st.Dir, f.Name))
		}
		if err != nil {
			return storeError(what, err)
		}
	}
	old, err := st.install(data)
	if err != nil {
		return storeError(what, err)
	}
	if installed, ok := st.store.Installed(st.name, st.tag); ok && installed.HasChecksums() {
		_ = st.store.MarkVerified(installed, now)
	}
	if old.dir != "" {
		return purge(old.dir)
	}
	return nil
}

// install writes the manifest into the stage and puts it where installed models
// are; old is what was there.
func (st *Stage) install(manifest []byte) (old trashed, err error) {
	unlock, err := st.store.lock()
	if err != nil {
		return trashed{}, err
	}
	defer unlock()
	// With the manifest in place the model is as good as installed: the next process does
	// what follows if this process does not.
	at := filepath.Join(st.Dir, manifestName)
	if err := writeFile(at, manifest); err != nil {
		return trashed{}, err
	}
	if old, err = st.store.installStage(st.Dir, st.name, st.tag); err != nil {
		return trashed{}, errors.Join(err, remove(at))
	}
	_ = remove(st.Dir + lockSuffix)
	return old, st.lock.Unlock()
}

// Discard removes what has been staged.
func (st *Stage) Discard() error {
	unlock, err := st.store.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := removeAll(st.Dir); err != nil {
		return storeError("remove "+st.Dir, err)
	}
	_ = remove(st.Dir + lockSuffix)
	return st.lock.Unlock()
}

// Release leaves what has been staged to the next process that stages the model.
func (st *Stage) Release() error { return st.lock.Unlock() }

// prune removes from a folder what a manifest does not list.
func (m *Manifest) prune(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		listed := func(f File) bool { return f.Path == "" && f.Name == e.Name() }
		if e.Name() == manifestName || slices.ContainsFunc(m.Files, listed) {
			continue
		}
		if err := removeAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// installStage installs the model of a stage whose manifest has been written; old
// is what was in its place. The caller has the store's lock and the stage's.
func (s Store) installStage(dir, name, tag string) (old trashed, err error) {
	m, err := readManifest(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return trashed{}, nil // it is not that far
	}
	if err != nil {
		return trashed{}, err
	}
	if err := m.prune(dir); err != nil {
		return trashed{}, err
	}
	to := s.folder(name, tag)
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return trashed{}, err
	}
	// A folder does not replace another that is not empty, so the old one leaves.
	if old, err = s.moveToTrash(name+nameSeparator+tag, to); err != nil {
		return trashed{}, err
	}
	if err := rename(dir, to); err != nil {
		return trashed{}, errors.Join(err, old.restore())
	}
	atomicfile.SyncFolder(filepath.Dir(to))
	atomicfile.SyncFolder(filepath.Dir(dir))
	return old, nil
}

// recover finishes what was cut off at its end: installations, and removals of
// several files. It does what it can: a store that cannot be written is read as
// it is.
func (s Store) recover() {
	var stages, bins []string
	for _, e := range subfolders(filepath.Join(s.Dir, incoming)) {
		if dir := filepath.Join(s.Dir, incoming, e.Name()); exists(filepath.Join(dir, manifestName)) {
			stages = append(stages, dir)
		}
	}
	for _, e := range subfolders(filepath.Join(s.Dir, trash)) {
		if dir := filepath.Join(s.Dir, trash, e.Name()); exists(filepath.Join(dir, pendingName)) {
			bins = append(bins, dir)
		}
	}
	if len(stages)+len(bins) == 0 {
		return
	}
	for _, dir := range stages {
		_ = s.ifUnused(dir, func(dir string) error {
			name, tag, ok := strings.Cut(filepath.Base(dir), nameSeparator)
			if !ok || !ValidName(name) || !ValidName(tag) {
				return nil
			}
			_, err := s.installStage(dir, name, tag)
			return err
		})
	}
	unlock, err := s.lock()
	if err != nil {
		return
	}
	defer unlock()
	for _, dir := range bins {
		s.recoverTrash(dir)
	}
}

// folder is where a model is installed.
func (s Store) folder(name, tag string) string { return filepath.Join(s.Dir, name, tag) }

// checkFile checks that a file of a manifest is there with its size.
func checkFile(dir string, f File) error {
	path := f.Path
	if path == "" {
		path = filepath.Join(dir, f.Name)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("its file %s is gone", path)
	case err != nil:
		return fmt.Errorf("its file %s cannot be read: %w", path, withoutPath(err))
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", path)
	case info.Size() != f.Size:
		return fmt.Errorf("its file %s has %d bytes, and had %d", path, info.Size(), f.Size)
	}
	return nil
}
