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
	trash = ".trash" // the folder of what has been removed
	// pendingName lists, in a folder of the trash, the names of what is to lie there.
	pendingName = ".leaving.json"
)

// A trashed is a folder of the trash and where what is in it had been.
type trashed struct {
	dir  string
	from []string
}

// moveToTrash moves files and folders that are in one folder into the trash, those of them
// that are there. A crash leaves the rest to settleTrash. The caller has the lock.
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

// recoverTrash moves what was to follow into the trash when a crash came between the files
// of a model. What has followed may since have been put back, and stays. The caller has
// the lock.
func (s Store) recoverTrash(dir string) {
	list := filepath.Join(dir, pendingName)
	data, err := readBounded(list, maxManifest)
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

// purge removes a folder of the trash for good.
func purge(dir string) error {
	// First the list, without which nothing more follows.
	if err := remove(filepath.Join(dir, pendingName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return removeAll(dir)
}

// restore moves things back to where they were. The caller has the lock.
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
