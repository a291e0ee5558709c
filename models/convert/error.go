package convert

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/safetensors"
)

// fileErrorf makes the error of an input file. The format is a predicate: "is missing".
func fileErrorf(file, format string, args ...any) *fault.Error {
	return fault.Errorf(fault.BadData, "cannot convert: %s "+format, append([]any{file}, args...)...)
}

// tensorErrorf makes the error of a tensor; file may be empty.
func tensorErrorf(file, tensor, format string, args ...any) *fault.Error {
	where := fmt.Sprintf("tensor %q", tensor)
	if file != "" {
		where = fmt.Sprintf("in %s, tensor %q", file, tensor)
	}
	return fileErrorf(where, format, args...)
}

func readError(file string, err error) *fault.Error {
	e := fileErrorf(file, "cannot be read: %v", err)
	if f, ok := errors.AsType[*safetensors.FormatError](err); ok {
		e = fileErrorf(file, "is not a valid safetensors file: %s", f.What)
		if f.Tensor != "" {
			e = tensorErrorf(file, f.Tensor, "%s", f.What)
		}
	} else if errors.Is(err, fs.ErrNotExist) {
		e = fileErrorf(file, "is missing")
	} else if p, ok := errors.AsType[*fs.PathError](err); ok {
		e = fileErrorf(file, "cannot be read: %v", p.Err)
	}
	e.Cause = err
	return e
}
