package convert

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/bise-sh/bise/safetensors"
)

// An Error says what is wrong with what was to be converted, or with where the
// result was to go.
type Error struct {
	File   string // as far as it is about one: a name in the folder, or the output's path
	Tensor string // as far as it is about one, by its name in File
	What   string // a clause: "is missing", "has shape [8 4], and config.json asks for [8 2]"
	Advice string // what to do, a sentence; may be empty
	Err    error  // what is behind it, for errors.Is
}

func (e *Error) Error() string {
	switch {
	case e.Tensor == "":
		return fmt.Sprintf("cannot convert: %s %s", e.File, e.What)
	case e.File == "":
		return fmt.Sprintf("cannot convert: tensor %q %s", e.Tensor, e.What)
	}
	return fmt.Sprintf("cannot convert: in %s, tensor %q %s", e.File, e.Tensor, e.What)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *Error) Hint() string { return e.Advice }

// wrong makes an error about a file.
func wrong(file, format string, args ...any) *Error {
	return &Error{File: file, What: fmt.Sprintf(format, args...)}
}

// unreadable makes an error about a file out of that of reading it.
func unreadable(file string, err error) *Error {
	e := &Error{File: file, Err: err}
	if f, ok := errors.AsType[*safetensors.FormatError](err); ok {
		e.Tensor, e.What = f.Tensor, f.What
		if f.Tensor == "" {
			e.What = "is no safetensors file that can be used: " + f.What
		}
		return e
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	if errors.Is(err, fs.ErrNotExist) {
		e.What = "is missing"
	} else {
		e.What = "cannot be read: " + err.Error()
	}
	return e
}
