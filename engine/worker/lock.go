package worker

import (
	"context"
	"fmt"
	"io"
	"os"
)

// A lock is held by whoever starts a worker or clears away what a dead one left,
// so that one socket never has two starters. It ends with its process.
type lock struct{ f *os.File }

// acquire takes the lock at path, waiting for its holder until ctx ends.
func acquire(ctx context.Context, path string) (*lock, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("take the worker's lock: %w", err)
		}
		if err := lockFile(ctx, f); err != nil {
			return nil, fmt.Errorf("take the worker's lock %s: %w", path, err)
		}
		// The holder before may have removed the file, and what is locked is then
		// no longer what others find.
		mine, err := f.Stat()
		if err == nil {
			var there os.FileInfo
			if there, err = os.Stat(path); err == nil && os.SameFile(mine, there) {
				return &lock{f}, nil
			}
		}
		f.Close()
		if err != nil && !os.IsNotExist(err) {
			return nil, fmt.Errorf("take the worker's lock: %w", err)
		}
	}
}

// lockFile locks f, or closes it and says why not.
func lockFile(ctx context.Context, f *os.File) error {
	if locked, err := tryLock(f); err != nil {
		f.Close()
		return err
	} else if locked {
		return nil
	}
	// Waiting for a file lock cannot be called off, so who loses patience leaves
	// the waiting, and the duty to close, to the one who waits.
	done := make(chan error)
	go func() {
		err := waitLock(f)
		select {
		case done <- err:
		case <-ctx.Done():
			f.Close()
		}
	}()
	select {
	case err := <-done:
		if err != nil {
			f.Close()
		}
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// release gives the lock up.
func (l *lock) release() { l.f.Close() }

// remove gives the lock up for good, with its file.
func (l *lock) remove() {
	_ = os.Remove(l.f.Name())
	l.f.Close()
}

// note writes down whom the lock is about, for [noted]: it is all that can be
// said of a worker that does not answer.
func (l *lock) note(name string) {
	if l.f.Truncate(0) == nil {
		_, _ = l.f.WriteAt([]byte(name), 0)
	}
}

// noted is what was written down in the lock at path.
func noted(path string) string {
	const longest = 4 << 10 // bytes
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	name, _ := io.ReadAll(io.LimitReader(f, longest))
	return string(name)
}
