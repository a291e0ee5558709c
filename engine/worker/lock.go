package worker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/gofrs/flock"
)

// A lock is held by the process that starts a worker or cleans up after a dead one, so
// that a socket never has two starters. It is released with its process.
type lock struct{ *flock.Flock }

// lockRetry is how often a waiting process tries to get a lock.
const lockRetry = 10 * time.Millisecond

// acquire takes the lock at path, and waits for its holder until ctx ends.
func acquire(ctx context.Context, path string) (*lock, error) {
	l := &lock{flock.New(path)}
	for {
		if _, err := l.TryLockContext(ctx, lockRetry); ctx.Err() != nil && err != nil {
			return nil, fmt.Errorf("acquire the worker's lock %s: %w", path, context.Cause(ctx))
		} else if err != nil {
			return nil, fmt.Errorf("acquire the worker's lock: %w", err)
		}
		// The holder before may have removed the file. Then the locked file is not the
		// one that others find.
		locked, err := l.Stat()
		if err == nil {
			var found fs.FileInfo
			if found, err = os.Stat(path); err == nil && os.SameFile(locked, found) {
				return l, nil
			}
		}
		l.release()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("acquire the worker's lock: %w", err)
		}
	}
}

// release unlocks.
func (l *lock) release() { _ = l.Unlock() }

// remove unlocks and removes the files.
func (l *lock) remove() {
	_ = os.Remove(namePath(l.Path()))
	_ = os.Remove(l.Path())
	l.release()
}

// namePath is the file beside a lock that holds the model's name: on Windows no other
// process can read a locked file.
func namePath(lock string) string { return lock + ".name" }

// setModel saves the name of the lock's model for [lockModel]. It is all that is known
// of a worker that does not answer.
func (l *lock) setModel(name string) {
	_ = os.WriteFile(namePath(l.Path()), []byte(name), 0o600)
}

// lockModel returns the model's name saved for the lock at path.
func lockModel(path string) string {
	name, _ := os.ReadFile(namePath(path))
	return string(name)
}
