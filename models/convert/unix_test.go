//go:build !windows

package convert

import (
	"io/fs"
	"os"
	"syscall"
	"testing"
)

// fullDisk is a file on a disk that takes no more after so many bytes.
type fullDisk struct {
	*os.File
	room int
}

func (f *fullDisk) WriteAt(p []byte, at int64) (int, error) {
	if at+int64(len(p)) > int64(f.room) {
		return 0, &fs.PathError{Op: "write", Path: f.Name(), Err: syscall.ENOSPC}
	}
	return f.File.WriteAt(p, at)
}

func TestFullDisk(t *testing.T) {
	d := tiny(t)
	before := create
	defer func() { create = before }()
	create = func(path string) (sink, error) {
		f, err := os.Create(path)
		return &fullDisk{f, 20000}, err
	}
	if e := fails(t, string(d), Options{}, "", "model.gguf: the disk is full"); e.Advice == "" {
		t.Error("there is no advice")
	}
}

// TestPipe has a file that would never end.
func TestPipe(t *testing.T) {
	d := tiny(t)
	os.Remove(d.path("model.safetensors"))
	if err := syscall.Mkfifo(d.path("model.safetensors"), 0o600); err != nil {
		t.Skip(err)
	}
	fails(t, string(d), Options{Layout: HF}, "", "model.safetensors cannot be read: it is not a regular file")
}
