package cli

import (
	"bytes"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/preprocess"
)

// pngFile is a PNG of so many pixels.
func pngFile(t *testing.T, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, w, h))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSeeMakesTheRequest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.png")
	write(t, path, string(pngFile(t, 8, 4)))
	s := enginetest.Says("ok")
	if got := runBise(t, s, "", "see", "--system", "Be brief.", path, path, "what", "is it?"); got.code != 0 || got.stdout != "ok\n" {
		t.Fatalf("got %+v", got)
	}
	m := asked(t, s).Messages
	c := m[len(m)-1].Content
	if len(m) != 2 || len(c) != 3 || c[0].Type != engine.ImageChunk || c[1].ImageURL != c[0].ImageURL || c[2].Text != "what is it?" {
		t.Errorf("messages %+v", m)
	}
}

// TestSeeMakesRoom asks in a context that has no room for the picture: a script's
// pictures cost the same whatever their size, so this one is played by hand.
func TestSeeMakesRoom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.png")
	write(t, path, string(pngFile(t, 1600, 1200)))
	e := &sized{Script: enginetest.Says("ok"), limit: 1000}
	got := runBise(t, e, "", "see", path, "what?")
	if got.code != 0 || got.stdout != "ok\n" {
		t.Fatalf("got %+v", got)
	}
	if !strings.Contains(got.stderr, "a.png resized to ") || !strings.Contains(got.stderr, " from 1600×1200: the context holds 1k tokens.") {
		t.Errorf("it is said %q", got.stderr)
	}
	w, h, err := preprocess.Size(asked(t, e.Script).Messages[0].Content[0].ImageURL)
	if err != nil || w >= 1600 || w < 400 || h != w*3/4 {
		t.Errorf("the model sees %d×%d, %v", w, h, err)
	}

	// Where it would see nothing any more, the request is what is refused.
	got = runBise(t, &sized{Script: enginetest.Says("ok"), limit: 10}, "", "see", path, "what?")
	if got.code != fault.ExitModel || !strings.Contains(got.stderr, "and the context holds 10") {
		t.Errorf("got %+v", got)
	}
}

func TestFetchPicture(t *testing.T) {
	file := pngFile(t, 8, 4)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/a.png":
			w.Write(file)
		case "/moved":
			http.Redirect(w, r, "/a.png", http.StatusFound)
		case "/page":
			w.Write([]byte("<!doctype html><html></html>"))
		case "/away":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	for _, tt := range []struct {
		path string
		code int
		says string
	}{
		{"/a.png", 0, "/a.png 8×4"},
		{"/moved", 0, "/moved 8×4"},
		{"/page", fault.ExitUsage, "it is not an image but HTML"},
		{"/none", fault.ExitNetwork, "the server answered 404 Not Found"},
		{"/away", fault.ExitNetwork, `unsupported protocol scheme "file"`},
	} {
		got := runBise(t, enginetest.Says("ok"), "", "see", "--fetch", server.URL+tt.path, "what?")
		if got.code != tt.code || !strings.Contains(got.stderr, tt.says) {
			t.Errorf("%s: got %+v", tt.path, got)
		}
	}
}
