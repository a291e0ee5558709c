package code

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/render/term"
	"github.com/bise-sh/bise/tui/kit"
)

// A sourceFile is a file in the editor.
type sourceFile struct {
	path  string // absolute
	name  string // relative to the folder
	saved string // its text, with LF line ends
	crlf  bool   // the file has CRLF line ends
	bom   bool   // the file has a byte order mark
	layout
}

// maxSource is the largest file that is opened, in bytes: the editor keeps many versions of
// the text.
const maxSource = 500_000

const bom = "\ufeff"

// errChanged is the error for a file that another program changed.
var errChanged = errors.New("another program changed the file; press ctrl+s again to overwrite it")

// readSource opens a file. It refuses files that the editor cannot save without other changes.
func readSource(dir, path string) (*sourceFile, error) {
	full, err := filepath.Abs(filepath.Join(dir, path))
	if filepath.IsAbs(path) {
		full, err = path, nil
	}
	if err != nil {
		return nil, err
	}
	cannot := func(err error) (*sourceFile, error) {
		if e, ok := errors.AsType[*os.PathError](err); ok {
			err = e.Err
		}
		return nil, fmt.Errorf("cannot open %s: %w", path, err)
	}
	data, err := readBounded(full)
	if err != nil {
		return cannot(err)
	}
	f := &sourceFile{path: full, name: kit.RelativePath(dir, full)}
	text := string(data)
	text, f.bom = strings.CutPrefix(text, bom)
	f.crlf = strings.Contains(text, "\r\n")
	f.saved = strings.ReplaceAll(text, "\r\n", "\n")
	switch {
	case !utf8.ValidString(text):
		return cannot(errors.New("not UTF-8 text"))
	case term.Clean(f.saved) != f.saved:
		return cannot(errors.New("contains control characters"))
	case !bytes.Equal(f.encode(f.saved), data):
		return cannot(errors.New("mixed line endings"))
	}
	f.layout = layoutOf(full, f.saved)
	return f, nil
}

// readBounded reads a regular file of at most maxSource bytes.
func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, errors.New("a folder")
	case !info.Mode().IsRegular():
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSource+1))
	if len(data) > maxSource {
		return nil, fmt.Errorf("larger than %d kB", maxSource/1000)
	}
	return data, err
}

// encode returns a text as bytes of the file.
func (f *sourceFile) encode(text string) []byte {
	if f.crlf {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	if f.bom {
		text = bom + text
	}
	return []byte(text)
}

// write saves a text atomically. It returns errChanged if another program changed the file,
// unless overwrite is set.
func (f *sourceFile) write(text string, overwrite bool) error {
	cannot := func(err error) error { return fmt.Errorf("cannot save %s: %w", f.name, err) }
	if now, err := readBounded(f.path); !overwrite && (err != nil || !bytes.Equal(now, f.encode(f.saved))) {
		return cannot(errChanged)
	}
	if err := atomicfile.WriteFile(f.path, f.encode(text), 0o644); err != nil {
		return cannot(err)
	}
	return nil
}
