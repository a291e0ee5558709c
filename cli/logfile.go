package cli

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
)

// maxLog is the size, in bytes, from which on a new log file is begun. One old
// file is kept.
const maxLog = 1 << 20

// openLog sends the log to bise.log in dir. If it cannot be written, nothing
// is logged: bise also works with a read-only home.
func openLog(dir string, level slog.Level) io.Closer {
	if os.MkdirAll(dir, 0o700) != nil {
		return nil
	}
	path := filepath.Join(dir, "bise.log")
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		if os.Rename(path, path+".old") != nil {
			return nil
		}
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: level})).With("pid", os.Getpid()))
	return f
}
