package models

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/bise-sh/bise/atomicfile"
)

// The operations that change a store. Tests end the process between them.
var (
	rename    = os.Rename
	commit    = (*atomicfile.File).Commit
	remove    = os.Remove
	removeAll = os.RemoveAll
)

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// writeFile replaces a small file.
func writeFile(path string, data []byte) error {
	f, err := atomicfile.Create(path, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Discard()
		return err
	}
	return commit(f)
}

// subfolders lists the paths of the folders in a folder.
func subfolders(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var list []string
	for _, e := range entries {
		if e.IsDir() {
			list = append(list, filepath.Join(dir, e.Name()))
		}
	}
	return list
}

// readBounded reads a file of at most a number of bytes.
func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s has more than %d bytes", path, most)
	}
	return data, err
}
