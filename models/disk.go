package models

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/gofrs/flock"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/fault"
)

// The operations that change a store. Tests end the process between them.
var (
	rename    = os.Rename
	commit    = (*atomicfile.File).Commit
	remove    = os.Remove
	removeAll = os.RemoveAll
)

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func writeFile(path string, data []byte) error {
	f, err := atomicfile.Create(path, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Discard()
		return err
	}
	return commit(f)
}

func subfolders(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var list []string
	for _, e := range entries {
		if e.IsDir() {
			list = append(list, filepath.Join(dir, e.Name()))
		}
	}
	return list
}

// lock locks the store against changes by other processes. It is held for renames, never
// while weights are read or written.
func (s Store) lock() (unlock func(), err error) {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, storeError("make the folder of models", err)
	}
	l := flock.New(filepath.Join(s.Dir, ".lock"))
	if err := l.Lock(); err != nil {
		return nil, storeError("lock the folder of models", err)
	}
	return func() { _ = l.Unlock() }, nil
}

// tryLock locks a file; it returns nil if another process has locked it. The caller holds
// the store's lock. A process that holds both may remove the file.
func tryLock(path string) (*flock.Flock, error) {
	l := flock.New(path)
	locked, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if !locked {
		return nil, nil
	}
	return l, nil
}

const makeRoom = "Free some disk space with bise gc or bise rm."

func storeError(what string, err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	e := fault.Errorf(fault.Internal, "cannot %s: %w", what, err)
	switch {
	case atomicfile.Full(err):
		e.Advice = makeRoom
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		e.Advice = "Check the permissions of the folder, or set XDG_DATA_HOME to another one."
	}
	return e
}

// withoutPath strips operation and path from an error.
func withoutPath(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
