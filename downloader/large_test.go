//go:build unix

package downloader

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"testing"
	"time"
)

// TestF95Memory has a process fetch a file that is larger than what it may use.
func TestF95Memory(t *testing.T) {
	if info, ok := debug.ReadBuildInfo(); !ok || slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		t.Skip("looking for races takes memory")
	}
	if testing.Short() {
		t.Skip("it takes a second")
	}
	const size, most = 160 << 20, 64 << 20
	dir := t.TempDir()
	source := filepath.Join(dir, "source")
	hash := random(t, source, size)
	cmd := fetcher(t, order{URL: server(t, source), Dest: filepath.Join(dir, "model"), Size: size, Hash: hash})
	if r := outcome(t, cmd); !r.Verified || r.Fetched != size || r.Peak > most {
		t.Errorf("got %+v", r)
	}
}

// TestResumeIsDecidedSoon has 10 GB of which all but a chunk is there: the server is
// asked for that chunk at once, and not after all has been read.
func TestResumeIsDecidedSoon(t *testing.T) {
	const size, unit = 10_000_000_000, 8 << 20
	dest := filepath.Join(t.TempDir(), "model")
	f := File{Name: "model", Size: size, Hash: sha(nil)}
	// A file of zeros without a place on the disk, and its journal.
	write(t, dest+".part", nil)
	if err := os.Truncate(dest+".part", size); err != nil {
		t.Skip("no such files here: ", err)
	}
	q := newQueue(size, unit)
	const missing = 700
	for i := range q.chunks {
		if i != missing {
			q.markDone(i, 0)
		}
	}
	j := &journal{Name: f.Name, Hash: f.Hash}
	q.record(j)
	write(t, dest+".journal", j.encode())
	asks := make(chan *http.Request, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case asks <- r:
		default:
		}
		silence(r)
	}))
	t.Cleanup(server.Close)
	f.Locate = At(parse(t, server.URL), nil)
	c := New(Options{})
	t.Cleanup(c.Close)
	c.disk = func(path string) (folder, error) {
		d, err := openFolder(path)
		return sparseFolder{d.(*realFolder)}, err
	}
	ctx, stop := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	began := time.Now()
	done := make(chan error)
	go func() {
		_, err := c.Fetch(ctx, f, dest, nil)
		done <- err
	}()
	r := <-asks
	took := time.Since(began)
	stop(enough)
	if err := <-done; !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	if from, to, ok := asked(r); !ok || from != missing*unit || to != (missing+1)*unit {
		t.Errorf("bytes %d to %d were asked for", from, to)
	}
	t.Logf("it took %v", took)
	if took > time.Second {
		t.Errorf("it took %v", took)
	}
}

// A sparseFolder reserves no room.
type sparseFolder struct{ *realFolder }

type sparseFile struct{ *realFile }

func (d sparseFolder) open(name string) (file, error) {
	f, err := d.realFolder.open(name)
	if err != nil {
		return nil, err
	}
	return sparseFile{f.(*realFile)}, nil
}

func (d sparseFolder) free() (int64, bool) { return 0, false }

func (f sparseFile) Reserve(size int64) error { return f.Truncate(size) }
