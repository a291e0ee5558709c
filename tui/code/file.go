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

// A sourceFile is a file that is being written.
type sourceFile struct {
	path  string // absolute
	name  string // in the folder that the person works in
	saved string // its text as the editor has it: lines end with a newline alone
	crlf  bool   // in the file they do not
	bom   bool   // the file begins with a byte order mark
}

// maxSource is the largest file that is opened, in bytes: the editor keeps many
// states of it.
const maxSource = 500_000

const bom = "\ufeff"

// errChanged is the error of a file that something else has written meanwhile.
var errChanged = errors.New("something else has written it since it was opened; ctrl+s again writes over that")

// readSource opens a file. A file that would not come out of the editor as it went
// in is an error.
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
		return cannot(errors.New("it is not UTF-8 text"))
	case term.Clean(f.saved) != f.saved:
		return cannot(errors.New("it has control characters"))
	case !bytes.Equal(f.encoded(f.saved), data):
		return cannot(errors.New("its lines end in more than one way"))
	}
	return f, nil
}

// readBounded reads a plain file of at most maxSource bytes.
func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, errors.New("it is a folder")
	case !info.Mode().IsRegular():
		return nil, errors.New("it is no plain file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSource+1))
	if len(data) > maxSource {
		return nil, fmt.Errorf("it has more than %d kB", maxSource/1000)
	}
	return data, err
}

// encoded is a text as the file has it.
func (f *sourceFile) encoded(text string) []byte {
	if f.crlf {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	if f.bom {
		text = bom + text
	}
	return []byte(text)
}

// write puts a text into the file, which is whole at every moment. The error is
// errChanged when the file is not as it was saved, unless that is to be passed
// over.
func (f *sourceFile) write(text string, over bool) error {
	cannot := func(err error) error { return fmt.Errorf("cannot save %s: %w", f.name, err) }
	if now, err := readBounded(f.path); !over && (err != nil || !bytes.Equal(now, f.encoded(f.saved))) {
		return cannot(errChanged)
	}
	if err := atomicfile.WriteFile(f.path, f.encoded(text), 0o644); err != nil {
		return cannot(err)
	}
	return nil
}
