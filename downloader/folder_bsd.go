//go:build unix && !linux

package downloader

import "os"

// reserve makes the file long; its room is taken as it is written.
func reserve(f *os.File, size int64) error { return f.Truncate(size) }
