//go:build !unix

package gguf

import "os"

// inode returns the inode of a file, or 0 if it is unknown.
func inode(os.FileInfo) uint64 { return 0 }
