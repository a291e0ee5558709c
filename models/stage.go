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
	nameSeparator = "@"         // between name and tag in one file name
	lockSuffix    = ".lock"
)

// ErrBusy reports that another process stages the same model.
var ErrBusy = errors.New("another process is doing that")

// A Stage is a folder for the files of a model that is not installed yet. One process at
// a time owns it. After a crash, the next process that stages the model continues with it.
type Stage struct {
	// Dir has the model's files at Commit, under their names in the manifest. Commit removes
	// all other files.
	Dir string

	store     Store
	name, tag string
	lock      *flock.Flock
}

// Staging returns the folder of a model's stage, which need not exist. Only the owner of
// the stage may write to it.
func (s Store) Staging(name, tag string) string {
	return filepath.Join(s.Dir, incoming, name+nameSeparator+tag)
}

// Stage opens the stage of a model. The error is ErrBusy if another process owns it. The
// model may be installed already: see Installed.
func (s Store) Stage(name, tag string) (*Stage, error) {
	if !ValidName(name) || !ValidName(tag) {
		return nil, fault.Errorf(fault.Invalid, "invalid model name %s:%s", name, tag)
	}
	unlock, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if _, err := readManifest(s.folder(name, tag)); errors.Is(err, ErrNewer) {
		return nil, fault.Advise(fault.Errorf(fault.Invalid, "cannot replace %s:%s: %w", name, tag, err), "Use a newer version of bise, or remove the model first: bise rm %s:%s.", name, tag)
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

// Commit installs the staged model, replaces one with the same name and tag, and ends the
// stage. It fills in Version, Name, Tag and Created. The caller has verified the hashes in
// the manifest. The model appears complete or not at all, also if the process crashes.
// After an error the stage is unchanged.
func (st *Stage) Commit(m Manifest) error {
	now := time.Now()
	m.Version, m.Name, m.Tag = manifestVersion, st.name, st.tag
	if m.Created.IsZero() {
		m.Created = now.UTC().Truncate(time.Millisecond)
		// The order in which models were installed decides between them.
		if old, ok := st.store.Installed(st.name, st.tag); ok && old.Manifest != nil {
			m.Created = old.Manifest.Created
		}
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

// install writes the manifest and moves the stage to the installed models; old is the
// replaced model.
func (st *Stage) install(manifest []byte) (old trashed, err error) {
	unlock, err := st.store.lock()
	if err != nil {
		return trashed{}, err
	}
	defer unlock()
	// From here on, the next process completes the installation if this one crashes.
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

// Discard removes the stage.
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

// Release leaves the stage to the next process that stages the model.
func (st *Stage) Release() error { return st.lock.Unlock() }

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

// installStage installs the model of a stage that has a manifest; old is the replaced
// model. The caller holds the locks of the store and of the stage.
func (s Store) installStage(dir, name, tag string) (old trashed, err error) {
	m, err := readManifest(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return trashed{}, nil // not complete yet
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
	// A rename cannot replace a folder that is not empty.
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

// recover completes installations and removals that a crash interrupted. Errors are
// ignored: a store that cannot be written can still be read.
func (s Store) recover() {
	var stages, bins []string
	for _, dir := range subfolders(filepath.Join(s.Dir, incoming)) {
		if exists(filepath.Join(dir, manifestName)) {
			stages = append(stages, dir)
		}
	}
	for _, dir := range subfolders(filepath.Join(s.Dir, trash)) {
		if exists(filepath.Join(dir, pendingName)) {
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

func (s Store) folder(name, tag string) string { return filepath.Join(s.Dir, name, tag) }

// checkFile checks that a file of a manifest exists with its size.
func checkFile(dir string, f File) error {
	path := f.Path
	if path == "" {
		path = filepath.Join(dir, f.Name)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("its file %s is missing", path)
	case err != nil:
		return fmt.Errorf("its file %s cannot be read: %w", path, withoutPath(err))
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", path)
	case info.Size() != f.Size:
		return fmt.Errorf("its file %s has %d bytes instead of %d", path, info.Size(), f.Size)
	}
	return nil
}
