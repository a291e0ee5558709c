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

// errMoved reports a file that is not as it was when it was reviewed.
var errMoved = errors.New("the file has changed there since it was reviewed")

// Apply writes a suggestion into the finding's file in the project's folder, and
// gives what takes it back. The file may have changed elsewhere since it was
// reviewed.
func (f *Finding) Apply(root *os.Root) (undo func(*os.Root) error, err error) {
	if f.Suggestion == nil {
		return nil, errors.New("there is no suggestion to apply")
	}
	name := filepath.FromSlash(path.Clean(f.File))
	before, mode, err := readFile(root, name)
	if err != nil {
		return nil, fmt.Errorf("apply to %s: %w", f.File, err)
	}
	after, err := diff.Apply(before, []diff.Hunk{f.Suggestion.Hunk})
	if err != nil {
		return nil, fmt.Errorf("apply to %s: %w", f.File, errMoved)
	}
	if err := writeFile(root, name, after, mode); err != nil {
		return nil, fmt.Errorf("apply to %s: %w", f.File, err)
	}
	return func(root *os.Root) error {
		now, _, err := readFile(root, name)
		if err == nil && now != after {
			err = errMoved
		}
		if err == nil {
			err = writeFile(root, name, before, mode)
		}
		if err != nil {
			return fmt.Errorf("take back the change of %s: %w", f.File, err)
		}
		return nil
	}, nil
}

// readFile reads a file that can be replaced: a link would be, in place of what it
// leads to.
func readFile(root *os.Root, name string) (string, fs.FileMode, error) {
	info, err := root.Lstat(name)
	if err != nil {
		return "", 0, err
	}
	if !info.Mode().IsRegular() {
		return "", 0, errors.New("it is no ordinary file")
	}
	data, err := root.ReadFile(name)
	return string(data), info.Mode().Perm(), err
}

// writeFile replaces a file at once: a copy beside it takes its place when it is
// whole.
func writeFile(root *os.Root, name, text string, mode fs.FileMode) error {
	beside := name + ".bise-new"
	file, err := root.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.WriteString(file, text)
	err = errors.Join(err, file.Chmod(mode), file.Close())
	if err == nil {
		err = root.Rename(beside, name)
	}
	if err != nil {
		return errors.Join(err, root.Remove(beside))
	}
	return nil
}
