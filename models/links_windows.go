package models

import "io/fs"

// hardLinks returns how many names a file has; it is not implemented for Windows.
func hardLinks(fs.FileInfo) uint64 { return 1 }
