package models

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/fault"
)

const makeRoom = "Free some disk space: bise gc removes what is not needed, bise rm a model."

// storeError is the error of an operation on the store's folder that the system does
// not allow, with what to do where that is known.
func storeError(what string, err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	e := fault.Errorf(fault.Internal, "cannot %s: %w", what, err)
	switch {
	case atomicfile.Full(err):
		e.Advice = makeRoom
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		e.Advice = "See who may write there, or set XDG_DATA_HOME to another folder."
	}
	return e
}

// withoutPath is the error without operation and path.
func withoutPath(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
