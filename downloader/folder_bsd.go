//go:build unix && !linux

package downloader

import "os"

// reserve sets the size; disk space is allocated by writing.
func reserve(f *os.File, size int64) error { return f.Truncate(size) }
