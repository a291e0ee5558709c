package models

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/fault"
)

const makeRoom = "Free some disk space with bise gc or bise rm."

// storeError adds advice to the error of an operation on the store's folder.
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
