package past

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bise-sh/bise/tui/kit"
)

// FileNamed asks to save Text at Path, which Prompt asked for.
type FileNamed struct {
	Path, Text string
	Prompt     *kit.Prompt
}

// FileSaved is the result of saving a file.
type FileSaved struct {
	Path   string
	Err    error
	Prompt *kit.Prompt // that asked for Path; shown again after an error
}

// SaveFile writes a new file. It does not overwrite a file.
func SaveFile(folder string, named FileNamed) FileSaved {
	name, text := named.Path, named.Text
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(folder, path)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = f.WriteString(strings.TrimRight(text, "\n") + "\n")
		err = errors.Join(err, f.Close())
	}
	if errors.Is(err, fs.ErrExist) {
		err = errors.New("the file already exists")
	}
	if err != nil {
		err = fmt.Errorf("cannot save %s: %w", name, err)
	}
	return FileSaved{name, err, named.Prompt}
}
