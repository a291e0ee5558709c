package attach

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bise-sh/bise/fault"
)

func TestDecode(t *testing.T) {
	for _, tt := range []struct {
		name, data string
		want, note string // of the error, where want is ""
	}{
		{"UTF-8", "naïve 日本", "naïve 日本", ""},
		{"empty", "", "", ""},
		{"byte order mark", "\ufeffhi", "hi", ""},
		{"UTF-16, little end first", "\xff\xfeh\x00i\x00", "hi", ""},
		{"UTF-16, big end first", "\xfe\xff\x00h\xd8\x34\xdd\x1e", "h𝄞", ""},
		{"UTF-16 with half a pair and half a unit", "\xff\xfe\x34\xd8h\x00i", "\ufffdh\ufffd", ""},
		{"Latin-1", "caf\xe9 au lait", "café au lait", "x is not UTF-8: it was read as Windows-1252."},
		{"Windows-1252", "it\x92s about \x80 5, \x81", "it’s about € 5, \ufffd", "read as Windows-1252"},
		{"damaged UTF-8", "naïve caf\xe9", "naïve caf\ufffd", "x is not all UTF-8: 1 byte was replaced by \ufffd."},
		{"truncated UTF-8", "日本\xe8\xaa", "日本\ufffd\ufffd", "2 bytes were replaced"},
		{"zero byte", "a\x00b", "", "x is not text: byte 2 is zero"},
		{"zero byte in UTF-16", "\xff\xfea\x00\x00\x00", "", "byte 2 is zero"},
		{"UTF-32", "\xff\xfe\x00\x00h\x00\x00\x00", "", "byte 1 is zero"},
		{"noise", "\x80\x81\x82abc", "", "x is not text: 3 of its 6 bytes are not UTF-8"},
		{"control characters", "\x01\x02\x03abcdef\xff", "", "not text"},
		{"image", "\x89PNG\r\n\x1a\n\x00", "", "x is not text: it is a PNG image"},
	} {
		text, note, err := Decode("x", []byte(tt.data))
		if tt.want == "" && tt.data != "" {
			if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), tt.note) {
				t.Errorf("%s: %q, %v, want the error %q", tt.name, text, err, tt.note)
			}
			continue
		}
		if err != nil || text != tt.want || !strings.Contains(note, tt.note) || tt.note == "" && note != "" {
			t.Errorf("%s: %q, %q, %v, want %q, %q", tt.name, text, note, err, tt.want, tt.note)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("\xff\xfeh\x00"))
	f.Add([]byte("caf\xe9"))
	f.Fuzz(func(t *testing.T, data []byte) {
		text, note, err := Decode("x", data)
		if err != nil {
			return
		}
		if !utf8.ValidString(text) || strings.Contains(text, "\x00") {
			t.Errorf("%q is decoded as %q", data, text)
		}
		if utf8.Valid(data) && (note != "" || text != strings.TrimPrefix(string(data), bomUTF8)) {
			t.Errorf("valid UTF-8 %q is decoded as %q with the note %q", data, text, note)
		}
	})
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	long := strings.Repeat("line\n", 2000)
	for _, tt := range []struct {
		name, path string
		want       string // "text: …", "image" or a part of the error
	}{
		{"text", put("a.txt", []byte("caf\xe9 au lait")), "text: café au lait"},
		{"long text", put("long.txt", []byte(long)), "text: " + long},
		{"text that begins as an image", put("b.txt", []byte("BMW")), "text: BMW"},
		{"text about PDF", put("c.txt", []byte(`it begins with "%PDF-"`)), `text: it begins with "%PDF-"`},
		{"SVG", put("a.svg", []byte("<svg/>")), "text: <svg/>"},
		{"long UTF-16", put("utf16", append([]byte(bomUTF16BE), bytes.Repeat([]byte("\x00a"), headSize)...)), "text: " + strings.Repeat("a", headSize)},
		{"image", put("a.png", pngOf(t, corner(4, 4))), "image"},
		{"binary", put("a.out", []byte("\x7fELF\x00")), "a.out is not text: byte 5 is zero"},
		{"HEIC", put("a.heic", []byte("\x00\x00\x00\x1cftypheic\x00\x00\x00\x00")), "it is an image in HEIC format"},
		{"missing", filepath.Join(dir, "no"), "cannot read no: no such file"},
		{"folder", dir, "it is a folder"},
	} {
		r := Reader{}
		list, err := r.File(t.Context(), tt.path, filepath.Base(tt.path))
		var got string
		switch {
		case err != nil:
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("%s: the error has the kind %q", tt.name, fault.KindOf(err))
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
			}
			continue
		case len(list) != 1 || list[0].Name != filepath.Base(tt.path):
			t.Errorf("%s: %+v", tt.name, list)
			continue
		case list[0].Image != nil:
			got = "image"
		default:
			got = "text: " + list[0].Text
		}
		if got != tt.want {
			t.Errorf("%s: %.80q, want %.80q", tt.name, got, tt.want)
		}
	}
}

func TestTextLimit(t *testing.T) {
	r := Reader{Stdin: strings.NewReader("12345"), text: MaxText - 5}
	if text, err := r.Text(t.Context(), Stdin); err != nil || text != "12345" {
		t.Errorf("what fits: %q, %v", text, err)
	}
	r.Stdin = strings.NewReader("6")
	if _, err := r.Text(t.Context(), Stdin); err == nil || err.Error() != "cannot read standard input: with it, the request has more than 60 MB" {
		t.Errorf("what does not fit: %v", err)
	}
	r.Stdin = strings.NewReader("6")
	if _, err := r.File(t.Context(), Stdin, ""); err == nil {
		t.Error("a file of any kind has no limit")
	}
}

func TestImages(t *testing.T) {
	file := pngOf(t, corner(4, 4))
	var notes []string
	r := Reader{
		Stdin: bytes.NewReader(gifOf(t, 3)),
		Note:  func(s string) { notes = append(notes, s) },
		Fetch: func(_ context.Context, u *url.URL) ([]byte, error) {
			if u.Host != "x.org" {
				return nil, errors.New("unreachable")
			}
			return file, nil
		},
	}
	if list, err := r.Images(t.Context(), Stdin); err != nil || len(list) != 1 || list[0].Name != "standard input" {
		t.Errorf("standard input: %+v, %v", list, err)
	}
	if want := "standard input is animated: the model sees the first of its 3 frames."; len(notes) != 1 || notes[0] != want {
		t.Errorf("the notes are %q, want %q", notes, want)
	}
	if list, err := r.Images(t.Context(), "https://x.org/a"); err != nil || list[0].Name != "https://x.org/a" || list[0].Width != 4 {
		t.Errorf("a URL: %+v, %v", list, err)
	}
	for source, want := range map[string]string{
		"http://":          `invalid URL "http://"`,
		"https://y.org/":   "unreachable",
		FromClipboard:      "cannot read the clipboard: there is none here",
		"testdata/missing": "cannot read testdata/missing: no such file",
	} {
		if _, err := r.Images(t.Context(), source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", source, err, want)
		}
	}
	r.Fetch = nil
	if _, err := r.Images(t.Context(), "https://u:p@x.org/a"); err == nil || !strings.Contains(err.Error(), "downloads are not allowed") || strings.Contains(err.Error(), ":p@") {
		t.Errorf("no downloads: %v", err)
	}
}

func TestReadAllEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	cancel(stopped)
	blocked, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := ReadAll(ctx, blocked, 1); !errors.Is(err, stopped) {
		t.Errorf("got %v", err)
	}
}
