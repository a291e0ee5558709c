//go:build !linux

package downloader

import "os"

// startWriteback leaves the time of writing to the system.
func startWriteback(*os.File, int64, int64) {}
