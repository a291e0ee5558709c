package models

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/fault"
)

// store has files of one byte for each letter of their name, each a minute
// newer than the one before.
func store(t *testing.T, files ...string) Store {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "models")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	when := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, name := range files {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		when = when.Add(time.Minute)
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	return Store{Dir: dir}
}

func TestList(t *testing.T) {
	s := store(t, "b.gguf", "A.GGUF", "big-00001-of-00002.gguf", "big-00002-of-00002.gguf",
		"pixtral.mmproj.f16.gguf", "notes.txt", ".part.gguf", ".gguf")
	if err := os.Mkdir(filepath.Join(s.Dir, "folder.gguf"), 0o700); err != nil {
		t.Fatal(err)
	}
	list, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := modelNames(list), []string{"A", "b", "big"}; !slices.Equal(got, want) {
		t.Errorf("names %q, want %q", got, want)
	}
	if got, want := list[2].Size, int64(2*len("big-00001-of-00002.gguf")); got != want {
		t.Errorf("size of a split model is %d, want %d", got, want)
	}
	if !strings.HasSuffix(list[2].Path, "big-00001-of-00002.gguf") {
		t.Errorf("path of a split model is %s", list[2].Path)
	}
}

func TestListWithoutFolder(t *testing.T) {
	list, err := Store{Dir: filepath.Join(t.TempDir(), "no")}.List()
	if list != nil || err != nil {
		t.Errorf("List = %v, %v", list, err)
	}
}

func TestFind(t *testing.T) {
	s := store(t, "codestral.gguf", "Ministral-3-3b.gguf", "ministral-3-8b.gguf", "mini.gguf")
	for _, tt := range []struct {
		ref, want    string
		kind         fault.Kind
		msg, advises string
	}{
		{ref: "codestral", want: "codestral"},
		{ref: "CODESTRAL.gguf", want: "codestral"},
		{ref: "code", want: "codestral"},
		{ref: "ministral-3-3b", want: "Ministral-3-3b"},
		{ref: "mini", want: "mini"}, // exact before beginning
		{ref: filepath.Join(s.Dir, "codestral.gguf"), want: "codestral"},
		{ref: "ministral", kind: fault.NotFound, msg: `"ministral" matches 2 models`, advises: "Ministral-3-3b, ministral-3-8b"},
		{ref: "codestrl", kind: fault.NotFound, msg: `there is no model "codestrl"`, advises: "Did you mean codestral?"},
		{ref: "zzz", kind: fault.NotFound, msg: "no model", advises: "Installed: codestral, mini, Ministral-3-3b, ministral-3-8b."},
		{ref: "", kind: fault.NotFound, msg: `no model ""`, advises: "Installed"},
		{ref: "./none.gguf", kind: fault.NotFound, msg: "there is no file ./none.gguf", advises: "path"},
		{ref: s.Dir, kind: fault.BadModel, msg: "it is a folder", advises: "GGUF"},
		{ref: "/dev/null", kind: fault.BadModel, msg: "not a regular file", advises: "GGUF"},
	} {
		t.Run(tt.ref, func(t *testing.T) {
			m, err := s.Find(tt.ref)
			if tt.kind == "" {
				if err != nil || m.Name != tt.want || !filepath.IsAbs(m.Path) {
					t.Errorf("Find = %+v, %v; want %s", m, err, tt.want)
				}
				return
			}
			var e *fault.Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v is no fault.Error", err)
			}
			if e.Kind != tt.kind || !strings.Contains(e.Msg, tt.msg) || !strings.Contains(e.Advice, tt.advises) {
				t.Errorf("error is %s %q %q", e.Kind, e.Msg, e.Advice)
			}
		})
	}
}

func TestFindInWorkingFolder(t *testing.T) {
	s := store(t, "a.gguf")
	t.Chdir(t.TempDir())
	if err := os.WriteFile("a.gguf", []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]int64{"a.gguf": 7, "a": 6} {
		if m, err := s.Find(ref); err != nil || m.Size != want {
			t.Errorf("Find(%q) = %+v, %v; want the file of %d bytes", ref, m, err, want)
		}
	}
}
