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

	"github.com/bise-sh/bise/fault"
	"github.com/shirou/gopsutil/v4/disk"
)

// A folder is where a file is to lie; it is what a fetch does to the disk.
type folder interface {
	// open opens a regular file for reading and writing, or makes it.
	open(name string) (file, error)
	// look is nil where nothing is of that name.
	look(name string) (fs.FileInfo, error)
	// view opens a regular file for reading.
	view(name string) (io.ReadCloser, error)
	// write makes a file that is safe on the disk before it is closed.
	write(name string, data []byte) error
	// append adds to a file that exists.
	append(name string, data []byte) error
	rename(from, to string) error
	// is reports whether an open file is what a name stands for.
	is(name string, f file) bool
	remove(name string) error
	// sync makes what was renamed safe.
	sync() error
	// free is in bytes; ok is false where the system does not tell.
	free() (n int64, ok bool)
	close() error
}

// A file is the one that is being filled.
type file interface {
	io.ReaderAt
	io.WriterAt
	// Reserve makes it n bytes long, with room on the disk for all of them where the file
	// system can.
	Reserve(size int64) error
	// Allocated is how many bytes it takes on the disk.
	Allocated() int64
	// Hasten has the disk begin to write a part of it, and does not wait.
	Hasten(from, n int64)
	// TryLock takes it for this process until it is closed, or the process ends.
	TryLock() (bool, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

// realFolder is a folder of the system. What it opens stays within it, and is the same
// folder when another one is put in its place.
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
	// Before opening: a pipe would make it wait, a link lead elsewhere.
	if info, err := d.look(name); err != nil {
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

func (d *realFolder) look(name string) (fs.FileInfo, error) {
	info, err := d.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return info, err
}

func (d *realFolder) view(name string) (io.ReadCloser, error) {
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

// rename lets Windows a while: it refuses as long as a virus scanner reads the file.
func (d *realFolder) rename(from, to string) error {
	const (
		patience = 10 * time.Second
		pause    = 100 * time.Millisecond
	)
	for began := time.Now(); ; time.Sleep(pause) {
		err := d.root.Rename(from, to)
		if err == nil || runtime.GOOS != "windows" || errors.Is(err, fs.ErrNotExist) || time.Since(began) > patience {
			return err
		}
	}
}

func (d *realFolder) is(name string, f file) bool {
	stat, ok := f.(interface{ Stat() (fs.FileInfo, error) })
	if !ok {
		return false
	}
	mine, err := stat.Stat()
	if err != nil {
		return false
	}
	there, err := d.look(name)
	return err == nil && there != nil && os.SameFile(mine, there)
}

func (d *realFolder) remove(name string) error { return d.root.Remove(name) }

// sync does nothing where folders cannot be synced, on Windows for instance, whose
// system sees to it.
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

func (d *realFolder) free() (int64, bool) {
	usage, err := disk.Usage(d.path)
	if err != nil {
		return 0, false
	}
	return int64(min(usage.Free, 1<<62)), true
}

func (d *realFolder) close() error { return d.root.Close() }

type realFile struct{ *os.File }

func (f *realFile) TryLock() (bool, error) { return tryLock(f.File) }

func (f *realFile) Reserve(size int64) error { return reserve(f.File, size) }

func (f *realFile) Hasten(from, n int64) { hasten(f.File, from, n) }

func (f *realFile) Allocated() int64 {
	info, err := f.Stat()
	if err != nil {
		return 0
	}
	return allocated(info)
}

// localError is the error of something that could not be done on the disk.
func localError(doing string, err error) error {
	e := &fault.Error{Kind: fault.File, Cause: err, Msg: fmt.Sprintf("%s: %v", doing, err)}
	switch {
	case isFull(err):
		e.Kind, e.Advice = fault.NoSpace, "Free some space and run it again: what is there already is kept."
	case isTooBig(err):
		e.Advice = "The file system cannot hold a file of that size; use a folder on another one."
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS):
		e.Advice = "Make the folder one that you may write in, or use another."
	case errors.Is(err, errNotRegular):
		e.Advice = "Move it out of the way."
	case errors.Is(err, fs.ErrNotExist):
		e.Advice = "Make the folder, or use another."
	default:
		e.Advice = "Look after the disk, or use a folder on another one."
	}
	return e
}

// room returns an error when a file system does not have n bytes left and a reserve.
func room(d folder, need int64, where string) error {
	const spare = 1 << 30 // bytes
	if need <= 0 {
		return nil
	}
	want := need + min(spare, need/20)
	if free, ok := d.free(); ok && free < want {
		return &fault.Error{
			Kind: fault.NoSpace, Msg: fmt.Sprintf("%s needs %s and %s are free", where, amount(want), amount(free)),
			Advice: "Free some space, or use a folder on another disk.",
		}
	}
	return nil
}

// amount is a number of bytes as people read it.
func amount(n int64) string {
	switch x := float64(n); {
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1e6:
		return fmt.Sprintf("%.3g kB", x/1e3)
	case n < 1e9:
		return fmt.Sprintf("%.3g MB", x/1e6)
	case n < 1e12:
		return fmt.Sprintf("%.3g GB", x/1e9)
	default:
		return fmt.Sprintf("%.4g TB", x/1e12)
	}
}
