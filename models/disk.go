package models

import (
	"fmt"
	"io"
	"os"

	"github.com/bise-sh/bise/atomicfile"
)

// The steps by which a store changes. Tests end the process between them.
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

// writeFile writes a small file that is there whole or not.
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

// subfolders are those in a folder.
func subfolders(dir string) []os.DirEntry {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var list []os.DirEntry
	for _, e := range entries {
		if e.IsDir() {
			list = append(list, e)
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
