package downloader

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bise-sh/bise/fault"
	"golang.org/x/sys/unix"
)

// small mounts a file system of so many bytes.
func small(t *testing.T, bytes string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+bytes); err != nil {
		t.Skip("a small file system cannot be mounted: ", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestF67SmallDisk(t *testing.T) {
	dir := small(t, "2m")
	data := content(3 << 20)
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		whole(data)(w, r)
	}))
	t.Cleanup(server.Close)
	c := New(Options{})
	t.Cleanup(c.Close)
	_, err := c.Fetch(t.Context(), model(data, parse(t, server.URL)), filepath.Join(dir, "model"), nil)
	failed(t, err, fault.NoSpace)
	if requests.Load() > 0 {
		t.Error("the server was asked")
	}
	alone(t, dir)
}

// TestF68DiskFillsUp has a disk that others fill while the file, whose length nobody
// knows, comes; and then one whose length is known, where the room was reserved.
func TestF68DiskFillsUp(t *testing.T) {
	dir := small(t, "4m")
	data := content(2 << 20)
	ballast := filepath.Join(dir, "ballast")
	filled := make(chan struct{}, 8)
	fill := func() {
		_ = os.WriteFile(ballast, make([]byte, 4<<20), 0o600) // as much as there is room for
		filled <- struct{}{}
	}
	var known atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if known.Load() {
			fill()
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
			return
		}
		_, _ = w.Write(data[:1<<20])
		_ = http.NewResponseController(w).Flush()
		fill()
		_, _ = w.Write(data[1<<20:])
	}))
	t.Cleanup(server.Close)
	c := New(Options{})
	t.Cleanup(c.Close)
	f := File{Name: "model", Size: -1, Hash: sha(data), Locate: At(parse(t, server.URL), nil)}
	dest := filepath.Join(dir, "model")
	_, err := c.Fetch(t.Context(), f, dest, nil)
	failed(t, err, fault.NoSpace)
	<-filled
	alone(t, dir, "ballast")
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	known.Store(true)
	f.Size = int64(len(data))
	_, err = c.Fetch(t.Context(), f, dest, nil)
	<-filled
	if err != nil {
		// There may be no room for the journal, and then that is said.
		failed(t, err, fault.NoSpace)
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Fetch(t.Context(), f, dest, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(ballast); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	holds(t, dest, data)
}
