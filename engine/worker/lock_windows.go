package worker

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// A locked range cannot be read by others on Windows, so it lies far behind the
// file's content.
var lockedRange = windows.Overlapped{OffsetHigh: 1 << 30}

func tryLock(f *os.File) (bool, error) {
	at := lockedRange
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}

func waitLock(f *os.File) error {
	at := lockedRange
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, &at)
}
