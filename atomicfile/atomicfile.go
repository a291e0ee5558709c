// Package atomicfile writes files that appear whole or not at all.
//
// [WriteFile] and [Create] replace one file: they write a temporary file in the same folder,
// sync it, and rename it. A [Folder] does the same for several files, or for files that
// other code writes. A killed process leaves a file .bise-*.tmp or a folder .bise-*.part,
// which can be removed.
package atomicfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/shirou/gopsutil/v4/disk"
)

// A Folder holds files that are being written.
type Folder struct {
	dir string // "" after Discard
	to  string
}

// Beside makes a folder for files in dir.
func Beside(dir string) (*Folder, error) {
	made, err := os.MkdirTemp(dir, ".bise-*.part")
	if err != nil {
		return nil, err
	}
	return &Folder{dir: made, to: dir}, nil
}

// Path returns where to write a file.
func (f *Folder) Path(name string) string { return filepath.Join(f.dir, name) }

// Commit moves all files of the folder, which must be closed, to their final folder;
// existing files are replaced. After an error none of them is left.
func (f *Folder) Commit() error {
	files, err := os.ReadDir(f.dir)
	if err != nil {
		return errors.Join(err, f.Discard())
	}
	for _, file := range files {
		if err := Sync(f.Path(file.Name())); err != nil {
			return errors.Join(err, f.Discard())
		}
	}
	for i, file := range files {
		if err := os.Rename(f.Path(file.Name()), filepath.Join(f.to, file.Name())); err != nil {
			for _, moved := range files[:i] {
				err = errors.Join(err, os.Remove(filepath.Join(f.to, moved.Name())))
			}
			return errors.Join(err, f.Discard())
		}
	}
	SyncFolder(f.to)
	return f.Discard()
}

// Discard removes the folder and its files. After Commit or another Discard it does nothing.
func (f *Folder) Discard() error {
	if f.dir == "" {
		return nil
	}
	err := os.RemoveAll(f.dir)
	if err == nil {
		f.dir = ""
	}
	return err
}

// Sync makes the content of a file durable.
func Sync(path string) error {
	// Windows syncs only files that are open for writing.
	return sync(path, os.O_RDWR)
}

// SyncFolder makes the names in a folder durable. It does nothing on Windows.
func SyncFolder(dir string) { _ = sync(dir, os.O_RDONLY) }

func sync(path string, flag int) error {
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return fmt.Errorf("write %s: %w", path, err)
	}
	return f.Close()
}

// Free is the free disk space of a folder in bytes; ok is false if unknown.
func Free(dir string) (bytes int64, ok bool) {
	usage, err := disk.Usage(dir)
	if err != nil {
		return 0, false
	}
	return int64(min(usage.Free, 1<<62)), true
}
