package models

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// lock makes the caller the only one, among all processes, who changes what is
// installed. It is held for moments: for renames, never for work on weights.
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

// tryLock locks a file under the store's lock, which the caller has; it is nil when another
// process holds it. The file may be removed by the process that has both.
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
