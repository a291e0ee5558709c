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
	before, err := readFile(root, name)
	if err != nil {
		return nil, fmt.Errorf("apply to %s: %w", f.File, err)
	}
	after, err := diff.Apply(before, []diff.Hunk{f.Suggestion.Hunk})
	if err != nil {
		return nil, fmt.Errorf("apply to %s: %w", f.File, errMoved)
	}
	if err := writeFile(root, name, after); err != nil {
		return nil, fmt.Errorf("apply to %s: %w", f.File, err)
	}
	return func(root *os.Root) error {
		now, err := readFile(root, name)
		if err == nil && now != after {
			err = errMoved
		}
		if err == nil {
			err = writeFile(root, name, before)
		}
		if err != nil {
			return fmt.Errorf("take back the change of %s: %w", f.File, err)
		}
		return nil
	}, nil
}

// readFile reads a regular file. A symbolic link is refused, because the suggestion is
// about another file.
func readFile(root *os.Root, name string) (string, error) {
	info, err := root.Lstat(name)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("it is not a regular file")
	}
	data, err := root.ReadFile(name)
	return string(data), err
}

// writeFile replaces a file; its permissions stay.
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
