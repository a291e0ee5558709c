package downloader

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// lockedRange lies far behind the content: others cannot read a locked range.
var lockedRange = windows.Overlapped{OffsetHigh: 1 << 30}

func tryLock(f *os.File) (bool, error) {
	at := lockedRange
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}

// reserve makes the file long, and sparse first: else a write at its end would have
// the system write zeros up to there.
func reserve(f *os.File, size int64) error {
	var n uint32
	_ = windows.DeviceIoControl(windows.Handle(f.Fd()), windows.FSCTL_SET_SPARSE, nil, 0, nil, 0, &n, nil)
	return f.Truncate(size)
}

// allocated is not asked for: what is there of a sparse file counts as missing, so
// that rather too much room is wanted than too little.
func allocated(fs.FileInfo) int64 { return 0 }

func isFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}

func isTooBig(err error) bool { return errors.Is(err, windows.ERROR_FILE_TOO_LARGE) }

// alive reports whether a process of this machine runs.
func alive(pid int) bool {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return errors.Is(err, windows.ERROR_ACCESS_DENIED)
	}
	defer windows.CloseHandle(h)
	var code uint32
	const running = 259 // STILL_ACTIVE
	return windows.GetExitCodeProcess(h, &code) == nil && code == running
}
