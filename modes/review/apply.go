package review

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

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
	before, mode, err := readFile(root, name)
	if err != nil {
		return nil, fmt.Errorf("apply to %s: %w", f.File, err)
	}
	after, err := diff.Apply(before, []diff.Hunk{f.Suggestion.Hunk})
	if err != nil {
		return nil, fmt.Errorf("apply to %s: %w", f.File, errChanged)
	}
	if err := writeFile(root, name, after, mode); err != nil {
		return nil, fmt.Errorf("apply to %s: %w", f.File, err)
	}
	return func(root *os.Root) error {
		now, _, err := readFile(root, name)
		if err == nil && now != after {
			err = errChanged
		}
		if err == nil {
			err = writeFile(root, name, before, mode)
		}
		if err != nil {
			return fmt.Errorf("undo the change to %s: %w", f.File, err)
		}
		return nil
	}, nil
}

// readFile reads a regular file. It refuses a symbolic link, because writeFile would
// replace the link and not its target.
func readFile(root *os.Root, name string) (string, fs.FileMode, error) {
	info, err := root.Lstat(name)
	if err != nil {
		return "", 0, err
	}
	if !info.Mode().IsRegular() {
		return "", 0, errors.New("not a regular file")
	}
	data, err := root.ReadFile(name)
	return string(data), info.Mode().Perm(), err
}

// writeFile replaces a file atomically.
func writeFile(root *os.Root, name, text string, mode fs.FileMode) error {
	temporary := name + ".bise-new"
	file, err := root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.WriteString(file, text)
	err = errors.Join(err, file.Chmod(mode), file.Close())
	if err == nil {
		err = root.Rename(temporary, name)
	}
	if err != nil {
		return errors.Join(err, root.Remove(temporary))
	}
	return nil
}
