package review

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/modes/review/diff"
)

// errChanged reports a file that was changed after the review.
var errChanged = errors.New("the file has changed since the review")

// Apply applies the suggestion to the finding's file in the project's folder, and
// returns a function that undoes it. Other lines of the file may have changed since
// the review.
func (f *Finding) Apply(root *os.Root) (undo func(*os.Root) error, err error) {
	if f.Suggestion == nil {
		return nil, errors.New("the finding has no suggestion")
	}
	name := filepath.FromSlash(path.Clean(f.File))
	before, err := readFile(root, name)
	if err != nil {
		return nil, fmt.Errorf("apply to %s: %w", f.File, err)
	}
	after, err := diff.Apply(before, []diff.Hunk{f.Suggestion.Hunk})
	if err != nil {
		return nil, fmt.Errorf("apply to %s: %w", f.File, errChanged)
	}
	if err := writeFile(root, name, after); err != nil {
		return nil, fmt.Errorf("apply to %s: %w", f.File, err)
	}
	return func(root *os.Root) error {
		now, err := readFile(root, name)
		if err == nil && now != after {
			err = errChanged
		}
		if err == nil {
			err = writeFile(root, name, before)
		}
		if err != nil {
			return fmt.Errorf("undo the change to %s: %w", f.File, err)
		}
		return nil
	}, nil
}

// readFile reads a regular file. It refuses a symbolic link, because the suggestion is
// for another file.
func readFile(root *os.Root, name string) (string, error) {
	info, err := root.Lstat(name)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("not a regular file")
	}
	data, err := root.ReadFile(name)
	return string(data), err
}

// writeFile replaces a file atomically and keeps its permissions.
func writeFile(root *os.Root, name, text string) error {
	f, err := atomicfile.CreateIn(root, name, 0o644)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(f, text); err != nil {
		f.Discard()
		return err
	}
	return f.Commit()
}
