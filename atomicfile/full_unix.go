//go:build !windows

package atomicfile

import (
	"errors"
	"syscall"
)

// Full reports whether an error is that a disk, or what one may have of it, is
// full.
func Full(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }
