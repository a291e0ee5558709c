package downloader

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/units"
)

// A folder is the folder of a download. Tests simulate failing disks with it.
type folder interface {
	// open opens a regular file for reading and writing, or creates it.
	open(name string) (file, error)
	// stat returns nil if the file does not exist.
	stat(name string) (fs.FileInfo, error)
	// openRead opens a regular file for reading.
	openRead(name string) (io.ReadCloser, error)
	// write writes and syncs a file.
	write(name string, data []byte) error
	// append adds to an existing file.
	append(name string, data []byte) error
	rename(from, to string) error
	// isSame reports whether an open file has this name.
	isSame(name string, f file) bool
	remove(name string) error
	// sync makes renames durable.
	sync() error
	// free is in bytes; ok is false if unknown.
	free() (n int64, ok bool)
	close() error
}

// A file is a partial file.
type file interface {
	io.ReaderAt
	io.WriterAt
	// Reserve sets the size, and allocates the disk space if the file system supports it.
	Reserve(size int64) error
	// Allocated is the used disk space in bytes.
	Allocated() int64
	// StartWriteback starts to write a range to the disk, and does not wait.
	StartWriteback(from, n int64)
	// TryLock locks the file until it is closed or the process ends.
	TryLock() (bool, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

// realFolder is a folder on disk. Its files cannot be outside of it, even if the folder is
// replaced or has symbolic links.
type realFolder struct {
	path string
	root *os.Root
}

func openFolder(path string) (folder, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &realFolder{path, root}, nil
}

var errNotRegular = errors.New("it is not a regular file")

func (d *realFolder) open(name string) (file, error) {
	// Before opening: a pipe would block.
	if info, err := d.stat(name); err != nil {
		return nil, err
	} else if info != nil && !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: filepath.Join(d.path, name), Err: errNotRegular}
	}
	f, err := d.root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	return &realFile{f}, nil
}

func (d *realFolder) stat(name string) (fs.FileInfo, error) {
	info, err := d.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return info, err
}

func (d *realFolder) openRead(name string) (io.ReadCloser, error) {
	info, err := d.root.Lstat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: filepath.Join(d.path, name), Err: errNotRegular}
	}
	if err != nil {
		return nil, err
	}
	return d.root.Open(name)
}

func (d *realFolder) write(name string, data []byte) error {
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (d *realFolder) append(name string, data []byte) error {
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// rename retries on Windows, which refuses while a virus scanner reads the file.
func (d *realFolder) rename(from, to string) error {
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		err := d.root.Rename(from, to)
		if err == nil || runtime.GOOS != "windows" || errors.Is(err, fs.ErrNotExist) || time.Since(began) > 10*time.Second {
			return err
		}
	}
}

func (d *realFolder) isSame(name string, f file) bool {
	stat, ok := f.(interface{ Stat() (fs.FileInfo, error) })
	if !ok {
		return false
	}
	mine, err := stat.Stat()
	if err != nil {
		return false
	}
	there, err := d.stat(name)
	return err == nil && there != nil && os.SameFile(mine, there)
}

func (d *realFolder) remove(name string) error { return d.root.Remove(name) }

// sync does nothing where folders cannot be synced, as on Windows.
func (d *realFolder) sync() error {
	f, err := d.root.Open(".")
	if err != nil {
		return err
	}
	err = f.Sync()
	if runtime.GOOS == "windows" || errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, f.Close())
}

func (d *realFolder) free() (int64, bool) { return atomicfile.Free(d.path) }

func (d *realFolder) close() error { return d.root.Close() }

type realFile struct{ *os.File }

func (f *realFile) TryLock() (bool, error) { return tryLock(f.File) }

func (f *realFile) Reserve(size int64) error { return reserve(f.File, size) }

func (f *realFile) StartWriteback(from, n int64) { startWriteback(f.File, from, n) }

func (f *realFile) Allocated() int64 {
	info, err := f.Stat()
	if err != nil {
		return 0
	}
	return allocated(info)
}

// localError makes the error of a failed operation on the disk.
func localError(doing string, err error) error {
	e := &fault.Error{Kind: fault.File, Cause: err, Msg: fmt.Sprintf("%s: %v", doing, err)}
	switch {
	case atomicfile.Full(err):
		e.Kind, e.Advice = fault.NoSpace, "Free some space and run the command again: the download continues."
	case isTooBig(err):
		e.Advice = "The file system does not support files of that size: use a folder on another one."
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS):
		e.Advice = "Make the folder writable, or use another one."
	case errors.Is(err, errNotRegular):
		e.Advice = "Move it out of the way."
	case errors.Is(err, fs.ErrNotExist):
		e.Advice = "Create the folder, or use another one."
	default:
		e.Advice = "Check the disk, or use a folder on another one."
	}
	return e
}

// room returns an error if the disk does not have need bytes and a reserve.
func room(d folder, need int64, where string) error {
	const spare = 1 << 30 // bytes
	if need <= 0 {
		return nil
	}
	want := need + min(spare, need/20)
	if free, ok := d.free(); ok && free < want {
		return fault.Advise(fault.Errorf(fault.NoSpace, "%s needs %s and %s are free", where, units.Size(want), units.Size(free)),
			"Free some space, or use a folder on another disk.")
	}
	return nil
}
