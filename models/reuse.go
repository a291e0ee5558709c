package models

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/fault"
)

// addFile reads a file, returns its SHA-256 and size, and adds it to the stage under a
// name unless it is used in place.
func (st *Stage) addFile(ctx context.Context, from, name string, way Way, progress func(done int64)) (sum string, n int64, err error) {
	to := filepath.Join(st.Dir, name)
	if way != InPlace {
		// An earlier run may have linked a file of the user under that name: never write to it.
		err = removeAll(to)
	}
	switch {
	case err != nil:
	case way == Copy:
		var f *atomicfile.File
		if f, err = atomicfile.Create(to, 0o600); err != nil {
			break
		}
		f.NoSync = true // Stage.Commit does it
		if sum, n, err = Hash(ctx, from, f, progress); err != nil {
			f.Discard()
		} else {
			err = f.Commit()
		}
	case way == Link:
		if err = link(from, to); err != nil {
			return "", 0, err
		}
		fallthrough
	default:
		sum, n, err = Hash(ctx, from, io.Discard, progress)
	}
	if err != nil && ctx.Err() == nil {
		err = storeError("import "+from, err)
	}
	return sum, n, err
}

// Reuse looks for a file of this size and SHA-256 in the store and in the caches, and adds
// it to the stage under its name: as a hard link on the same disk, else as a copy. The
// hash is only recorded and may be wrong, so the bytes are read; progress, which may be
// nil, is called with their number. It returns false if there is no such file, and the
// stage is then as it was.
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
		for _, found := range m.Files {
			if found.SHA256 != f.SHA256 || found.Size != f.Size || checkFile("", found) != nil {
				continue
			}
			for _, way := range []Way{Link, Copy} {
				sum, _, err := st.addFile(ctx, found.Path, f.Name, way, progress)
				if err == nil && sum == f.SHA256 {
					return true, nil
				}
				_ = remove(filepath.Join(st.Dir, f.Name))
				if ctx.Err() != nil {
					return false, context.Cause(ctx)
				}
				if err == nil {
					break // the bytes are different ones
				}
			}
		}
	}
	return false, nil
}

func link(from, to string) error {
	target, err := filepath.EvalSymlinks(from)
	if err == nil {
		err = os.Link(target, to)
	}
	if err == nil {
		return nil
	}
	if l, ok := errors.AsType[*os.LinkError](err); ok {
		err = l.Err
	}
	return fault.Advise(fault.Errorf(fault.Invalid, "cannot link %s: %w", from, withoutPath(err)), "Use it in place (without --link), or copy it with --copy.")
}
