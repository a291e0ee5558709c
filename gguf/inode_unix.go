//go:build unix

package gguf

import (
	"os"
	"syscall"
)

// inode returns the inode of a file, or 0 if it is unknown.
func inode(info os.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Ino)
	}
	return 0
}
