package convert

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/bise-sh/bise/fault"
)

// A folder has the files of a model. Links cannot lead out of it.
type folder struct {
	root *os.Root
	path string // as the caller gave it
	sub  string // from root to the model, "." or below it
	name string // of the model
}

// openFolder opens a folder. In a Hugging Face cache the files of a snapshot are links to
// blobs, so root is the folder of the repository.
func openFolder(dir string) (*folder, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, readError(dir, err)
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	}
	f := &folder{path: dir, sub: ".", name: filepath.Base(abs)}
	root := abs
	if repo := filepath.Dir(filepath.Dir(abs)); filepath.Base(filepath.Dir(abs)) == "snapshots" {
		if info, err := os.Stat(filepath.Join(repo, "blobs")); err == nil && info.IsDir() {
			root, f.sub = repo, path.Join("snapshots", f.name)
			parts := strings.Split(filepath.Base(repo), "--") // models--owner--name
			f.name = parts[len(parts)-1]
		}
	}
	info, err := os.Stat(root)
	if err != nil {
		return nil, readError(dir, err)
	}
	if !info.IsDir() {
		return nil, fault.Advise(fileErrorf(dir, "is not a folder"), "Give the folder of the weights, their configuration and the tokenizer.")
	}
	if f.root, err = os.OpenRoot(root); err != nil {
		return nil, readError(dir, err)
	}
	return f, nil
}

func (f *folder) close() { f.root.Close() }

func (f *folder) has(name string) bool {
	info, err := f.root.Stat(path.Join(f.sub, name))
	return err == nil && info.Mode().IsRegular()
}

func (f *folder) names() ([]string, error) {
	entries, err := fs.ReadDir(f.root.FS(), f.sub)
	if err != nil {
		return nil, readError(f.path, err)
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// open opens a regular file: a pipe would never end.
func (f *folder) open(name string) (*os.File, int64, error) {
	info, err := f.root.Stat(path.Join(f.sub, name))
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err != nil {
		if link, e := f.root.Lstat(path.Join(f.sub, name)); e == nil && link.Mode()&fs.ModeSymlink != 0 {
			e := fileErrorf(name, "is a link that leads out of the folder or is broken")
			e.Cause = err
			return nil, 0, e
		}
		return nil, 0, readError(name, err)
	}
	file, err := f.root.Open(path.Join(f.sub, name))
	if err != nil {
		return nil, 0, readError(name, err)
	}
	return file, info.Size(), nil
}

func (f *folder) read(name string, max int64) ([]byte, error) {
	file, _, err := f.open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, max+1))
	if err != nil {
		return nil, readError(name, err)
	}
	if int64(len(data)) > max {
		return nil, fileErrorf(name, "has more than the %d allowed bytes", max)
	}
	return data, nil
}

// Limits of files that are read completely, in bytes.
const (
	maxConfig    = 4 << 20
	maxIndex     = 64 << 20
	maxTokenizer = 256 << 20
	maxReadme    = 4 << 20
)
