package downloader

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// reserve allocates the disk space, if the file system can do so without writing.
func reserve(f *os.File, size int64) error {
	var err error
	for {
		if err = unix.Fallocate(int(f.Fd()), 0, 0, size); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	switch {
	case err == nil:
		return f.Truncate(size) // it may have been longer
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EINVAL):
		return f.Truncate(size)
	default:
		return &os.PathError{Op: "reserve", Path: f.Name(), Err: err}
	}
}

// startWriteback keeps the disk busy during the download: otherwise most bytes would stay in
// memory until the last sync.
func startWriteback(f *os.File, from, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), from, n, unix.SYNC_FILE_RANGE_WRITE)
}
