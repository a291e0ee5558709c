//go:build !windows

package convert

import (
	"errors"
	"syscall"
)

// isFull reports whether an error is that a disk, or what one may have of it, is
// full.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }
