//go:build !linux

package downloader

import "os"

// hasten leaves it to the system when it writes.
func hasten(*os.File, int64, int64) {}
