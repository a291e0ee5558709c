package models

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

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
