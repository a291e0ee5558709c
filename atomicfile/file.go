package atomicfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A File is a file that is being written beside its final name.
type File struct {
	// NoSync makes Commit return before the bytes are on the disk. After a power
	// failure the file may then be empty or damaged: it is for caches that are checked
	// when they are read.
	NoSync bool

	file       *os.File
	root       *os.Root
	name, temp string // in root
	ownRoot    bool   // root was opened by Create
}

// WriteFile replaces the file at path with data, as [Create] and [File.Commit] do.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	f, err := Create(path, perm)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Discard()
		return err
	}
	return f.Commit()
}

// Create starts to write the file at path, in a folder that exists.
//
// A symbolic link is followed, so the file that it points to is replaced. An
// existing file passes its permissions on; a new one gets perm, before the umask.
// Owner, extended attributes and hard links are not kept.
func Create(path string, perm fs.FileMode) (*File, error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	f, err := CreateIn(root, filepath.Base(path), perm)
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	f.ownRoot = true
	return f, nil
}

// CreateIn is Create for a file in root, which it does not leave. A symbolic link in
// the file's place is an error.
func CreateIn(root *os.Root, name string, perm fs.FileMode) (*File, error) {
	info, err := root.Lstat(name)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return nil, &fs.PathError{Op: "replace", Path: name, Err: errors.New("not a regular file")}
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if info != nil {
		perm = 0o600 // until it gets the old file's
	}
	temp := filepath.Join(filepath.Dir(name), ".bise-"+rand.Text()+".tmp")
	file, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return nil, err
	}
	f := &File{file: file, root: root, name: name, temp: temp}
	if info != nil {
		if err := file.Chmod(info.Mode().Perm()); err != nil {
			f.Discard()
			return nil, err
		}
	}
	return f, nil
}

// Name returns the file's final name, without its folder.
func (f *File) Name() string { return filepath.Base(f.name) }

// Write adds to the file. [Full] reports whether an error means that the disk is full.
func (f *File) Write(p []byte) (int, error) { return f.file.Write(p) }

// Commit gives the file its name, in place of a file that has it. A reader sees the
// old or the new file, and never a part of one. Before that the bytes are safe on
// the disk, unless NoSync is set, and so is the new name when Commit returns nil.
// After an error the old file is still there, and nothing is left of the new one.
func (f *File) Commit() error {
	var err error
	if !f.NoSync {
		err = f.file.Sync()
	}
	if err = errors.Join(err, f.file.Close()); err == nil {
		err = f.root.Rename(f.temp, f.name)
	}
	if err != nil {
		f.Discard()
		return fmt.Errorf("write %s: %w", f.name, err)
	}
	if !f.NoSync {
		if dir, err := f.root.Open(filepath.Dir(f.name)); err == nil {
			_ = dir.Sync() // Windows cannot, and does it by itself
			_ = dir.Close()
		}
	}
	f.closeRoot()
	return nil
}

// Discard removes what was written. After Commit it must not be called.
func (f *File) Discard() {
	_ = f.file.Close()
	_ = f.root.Remove(f.temp)
	f.closeRoot()
}

func (f *File) closeRoot() {
	if f.ownRoot {
		_ = f.root.Close()
	}
}

// ReadFile reads a regular file of at most limit bytes. A file that grows meanwhile, or
// that does not tell its size, is held to the limit too.
func ReadFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path) // opening a pipe would block
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("not a regular file")}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("larger than %d bytes", limit)}
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}
