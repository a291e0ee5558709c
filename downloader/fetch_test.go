package downloader

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const testUnit = 64 << 10 // bytes of a chunk in tests

// content is bytes that no compression and no confusion of offsets survives.
func content(size int) []byte {
	data := make([]byte, size)
	var seed [32]byte
	_, _ = rand.NewChaCha8(seed).Read(data)
	return data
}

func sha(data []byte) Hash {
	sum := sha256.Sum256(data)
	return Hash(sha256Prefix + hex.EncodeToString(sum[:]))
}

func parse(t testing.TB, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// client makes one whose chunks are small.
func client(t testing.TB, o Options) *Client {
	t.Helper()
	c := New(o)
	c.unit = testUnit
	t.Cleanup(c.Close)
	return c
}

func serve(t testing.TB, h http.HandlerFunc) *url.URL {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return parse(t, server.URL)
}

// whole serves data as a good server does.
func whole(data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	}
}

// holds checks that dest has data, and that nothing else lies there.
func holds(t testing.TB, dest string, data []byte) {
	t.Helper()
	got, err := os.ReadFile(dest)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, data) {
		t.Fatalf("%d bytes are not the %d that were served", len(got), len(data))
	}
	entries, err := os.ReadDir(filepath.Dir(dest))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != filepath.Base(dest) {
			t.Errorf("%s was left", e.Name())
		}
	}
}

func TestFetch(t *testing.T) {
	for _, size := range []int{0, 1, testUnit - 1, testUnit, testUnit + 1, 3*testUnit + 17, 50 * testUnit} {
		data := content(size)
		u := serve(t, whole(data))
		for name, f := range map[string]File{
			"known":   {Name: "a", Size: int64(size), Hash: sha(data), Locate: At(u, nil)},
			"no size": {Name: "a", Size: -1, Hash: sha(data), Locate: At(u, nil)},
			"no hash": {Name: "a", Size: int64(size), Locate: At(u, nil)},
			"nothing": {Name: "a", Size: -1, Locate: At(u, nil)},
		} {
			dest := filepath.Join(t.TempDir(), "a")
			var p Progress
			got, err := client(t, Options{}).Fetch(t.Context(), f, dest, &p)
			if err != nil {
				t.Errorf("%d bytes, %s: %v", size, name, err)
				continue
			}
			holds(t, dest, data)
			if got.SHA256 != sha(data) || got.Size != int64(size) || got.Verified != (f.Hash != "") {
				t.Errorf("%d bytes, %s: %+v", size, name, got)
			}
			s := p.Sample()
			if s.Phase != Finished || s.Have != int64(size) || s.Total != int64(size) {
				t.Errorf("%d bytes, %s: %+v", size, name, s)
			}
		}
	}
}

func TestResume(t *testing.T) {
	data := content(40 * testUnit)
	dest := filepath.Join(t.TempDir(), "a")
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if n++; n > 3 {
			cancel()
		}
		whole(data)(w, r)
	})
	f := File{Name: "a", Size: int64(len(data)), Hash: sha(data), Locate: At(u, nil)}
	if _, err := client(t, Options{Connections: 1}).Fetch(ctx, f, dest, nil); err == nil {
		t.Fatal("it was not interrupted")
	}
	got, err := client(t, Options{Connections: 1}).Fetch(t.Context(), f, dest, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Fetched >= int64(len(data)) {
		t.Error("nothing was kept")
	}
	holds(t, dest, data)
}
