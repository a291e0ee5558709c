//go:build !windows

package atomicfile

import (
	"errors"
	"syscall"
)

// Full reports whether an error means that the disk or a quota is full.
func Full(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }
