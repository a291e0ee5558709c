package models

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/bise-sh/bise/fault"
)

// addFile reads a file and gives its SHA-256 and size. If way says so, it is then in
// the stage under a name, too.
func (st *Stage) addFile(ctx context.Context, from, name string, way Way, progress func(done int64)) (sum string, n int64, err error) {
	to := filepath.Join(st.Dir, name)
	var w io.WriteCloser = nothing{io.Discard}
	if way != InPlace {
		// What a stage that was left has under that name may be a user's file, under its
		// other name: it must not be written to.
		if err := removeAll(to); err != nil {
			return "", 0, storeError("import "+from, err)
		}
	}
	switch way {
	case Link:
		if err := link(from, to); err != nil {
			return "", 0, err
		}
	case Copy:
		if w, err = os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
			return "", 0, storeError("copy "+from, err)
		}
	}
	sum, n, err = hash(ctx, from, w, progress)
	if err = errors.Join(err, w.Close()); err != nil {
		if ctx.Err() != nil {
			return "", 0, context.Cause(ctx)
		}
		return "", 0, storeError("import "+from, err)
	}
	return sum, n, nil
}

// Reuse looks for a file of this size and SHA-256 among the models on this machine, and
// adds it to the stage under its name: as another name for it where one disk allows
// that, else as a copy. What others say of a hash is a name and not a proof, so the bytes
// are read; progress, which may be nil, is called with their number. It is false when
// there is none, and the stage is then as it was.
func (st *Stage) Reuse(ctx context.Context, f File, progress func(done int64)) (bool, error) {
	if f.SHA256 == "" || !validFile(f.Name) {
		return false, nil
	}
	if progress == nil {
		progress = func(int64) {}
	}
	list, err := st.store.List()
	if err != nil {
		return false, err
	}
	for _, m := range list {
		for _, there := range m.Files {
			if there.SHA256 != f.SHA256 || there.Size != f.Size || checkFile("", there) != nil {
				continue
			}
			for _, way := range []Way{Link, Copy} {
				sum, _, err := st.addFile(ctx, there.Path, f.Name, way, progress)
				if err == nil && sum == f.SHA256 {
					return true, nil
				}
				_ = remove(filepath.Join(st.Dir, f.Name))
				if ctx.Err() != nil {
					return false, context.Cause(ctx)
				}
				if err == nil {
					break // it is another file by that name
				}
			}
		}
	}
	return false, nil
}

// link gives a file another name.
func link(from, to string) error {
	at, err := filepath.EvalSymlinks(from)
	if err == nil {
		err = os.Link(at, to)
	}
	if err == nil {
		return nil
	}
	return fault.Advise(fault.Errorf(fault.Invalid, "cannot link %s: %w", from, linkError(err)), "Use it in place (without --link), or copy it with --copy.")
}

func linkError(err error) error {
	if l, ok := errors.AsType[*os.LinkError](err); ok {
		return l.Err
	}
	return withoutPath(err)
}

// nothing is a writer that need not be closed.
type nothing struct{ io.Writer }

func (nothing) Close() error { return nil }
