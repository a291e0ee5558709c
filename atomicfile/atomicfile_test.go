package atomicfile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		list = append(list, f.Name())
	}
	return list
}

func beside(t *testing.T, dir string) *Folder {
	t.Helper()
	f, err := Beside(dir)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestCommit(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "b"), "old")
	f := beside(t, dir)
	write(t, f.Path("a"), "first")
	write(t, f.Path("b"), "new")
	if got, _ := os.ReadFile(filepath.Join(dir, "b")); string(got) != "old" {
		t.Errorf("before the commit b is %q", got)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("the folder has %q", got)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "b")); string(got) != "new" {
		t.Errorf("b is %q", got)
	}
	if err := f.Discard(); err != nil {
		t.Error(err)
	}
}

func TestDiscardLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	f := beside(t, dir)
	write(t, f.Path("a"), "first")
	for range 2 {
		if err := f.Discard(); err != nil {
			t.Fatal(err)
		}
	}
	if got := names(t, dir); len(got) > 0 {
		t.Errorf("the folder has %q", got)
	}
}

// TestCommitIsAllOrNothing has a folder in the place of the second file.
func TestCommitIsAllOrNothing(t *testing.T) {
	dir := t.TempDir()
	f := beside(t, dir)
	write(t, f.Path("a"), "first")
	write(t, f.Path("b"), "second")
	if err := os.MkdirAll(filepath.Join(dir, "b", "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); err == nil {
		t.Error("a folder was replaced by a file")
	}
	if got := names(t, dir); !slices.Equal(got, []string{"b"}) {
		t.Errorf("the folder has %q", got)
	}
}

func TestBesideNeedsAFolder(t *testing.T) {
	if _, err := Beside(filepath.Join(t.TempDir(), "no")); !os.IsNotExist(err) {
		t.Errorf("got %v", err)
	}
}

func TestFree(t *testing.T) {
	if n, ok := Free(t.TempDir()); ok && n <= 0 {
		t.Errorf("%d bytes are free", n)
	}
	if _, ok := Free(filepath.Join(t.TempDir(), "no")); ok {
		t.Error("a folder that is not there has room")
	}
}

func TestReadFileHoldsAFileWithoutASize(t *testing.T) {
	const path = "/proc/self/status" // a regular file of size 0 with about a kilobyte in it
	if info, err := os.Stat(path); err != nil || info.Size() != 0 {
		t.Skip("no file here hides its size")
	}
	if data, err := ReadFile(path, 10); err == nil || !strings.Contains(err.Error(), "larger than 10 bytes") {
		t.Errorf("got %d bytes, %v, want an error", len(data), err)
	}
}
