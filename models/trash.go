package models

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/bise-sh/bise/atomicfile"
)

const (
	trash = ".trash" // the folder of removed models
	// pendingName is a file in a folder of the trash: the names of all files that move there.
	pendingName = ".pending.json"
)

// A trashed model is a folder of the trash and the original paths of its files.
type trashed struct {
	dir  string
	from []string
}

// moveToTrash moves those of the paths that exist, all in one folder, to the trash. After
// a crash recoverTrash moves the rest. The caller holds the lock.
func (s Store) moveToTrash(label string, paths ...string) (trashed, error) {
	paths = slices.DeleteFunc(slices.Clone(paths), func(path string) bool { return !exists(path) })
	if len(paths) == 0 {
		return trashed{}, nil
	}
	bin := filepath.Join(s.Dir, trash)
	if err := os.MkdirAll(bin, 0o700); err != nil {
		return trashed{}, err
	}
	dir, err := os.MkdirTemp(bin, label+"-*")
	if err != nil {
		return trashed{}, err
	}
	d := trashed{dir: dir, from: paths}
	if len(paths) > 1 {
		err = writePending(dir, paths)
	}
	for _, path := range paths {
		if err == nil {
			err = rename(path, filepath.Join(dir, filepath.Base(path)))
		}
	}
	if err != nil {
		return trashed{}, errors.Join(err, d.restore())
	}
	atomicfile.SyncFolder(dir)
	atomicfile.SyncFolder(filepath.Dir(paths[0]))
	_ = remove(filepath.Join(dir, pendingName))
	return d, nil
}

func writePending(dir string, paths []string) error {
	names := make([]string, len(paths))
	for i, path := range paths {
		names[i] = filepath.Base(path)
	}
	list, err := json.Marshal(names)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, pendingName), list)
}

// recoverTrash completes a removal that a crash interrupted. The caller holds the lock.
func (s Store) recoverTrash(dir string) {
	list := filepath.Join(dir, pendingName)
	data, err := atomicfile.ReadFile(list, maxManifest)
	if err != nil {
		return
	}
	var names []string
	if json.Unmarshal(data, &names) != nil {
		return
	}
	for _, name := range names {
		moved := filepath.Join(dir, name)
		if exists(moved) || filepath.Base(name) != name || !filepath.IsLocal(name) {
			continue
		}
		if err := rename(filepath.Join(s.Dir, name), moved); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return
		}
	}
	_ = remove(list)
}

func purge(dir string) error {
	// First the list, so that recoverTrash does not continue.
	if err := remove(filepath.Join(dir, pendingName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return removeAll(dir)
}

// restore moves the files back. The caller holds the lock.
func (d trashed) restore() error {
	if d.dir == "" {
		return nil
	}
	var failed error
	for _, path := range d.from {
		moved := filepath.Join(d.dir, filepath.Base(path))
		if !exists(moved) {
			continue
		}
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		if err == nil && exists(path) {
			err = &fs.PathError{Op: "restore", Path: path, Err: fs.ErrExist}
		}
		if err == nil {
			err = rename(moved, path)
		}
		failed = errors.Join(failed, err)
	}
	if failed != nil {
		return failed
	}
	return purge(d.dir)
}
