package models

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bise-sh/bise/fault"
)

func lookup(t *testing.T, s Store, ref string) Model {
	t.Helper()
	m, err := s.Lookup(ref)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func removed(t *testing.T, s Store, ref string) *Removed {
	t.Helper()
	r, err := s.Remove(lookup(t, s, ref))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRemove(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	m := install(t, s, "a", "x", "weights")
	install(t, s, "a", "y", "weights")
	if err := s.MarkUsed(m); err != nil {
		t.Fatal(err)
	}
	before := below(t, s)
	r := removed(t, s, "a:x")
	if r.Frees < int64(len("weights")) {
		t.Errorf("it frees %d bytes", r.Frees)
	}
	if m := lookup(t, s, "a"); m.Tag != "y" {
		t.Errorf("a is still %s", m.Tag)
	}
	// What can still come back is not waste.
	if waste, err := s.Leftovers(0); err != nil || len(waste) != 0 && waste[0].What == "removed model" {
		t.Errorf("waste is %+v, %v", waste, err)
	}
	if _, err := s.Remove(m); fault.KindOf(err) != fault.NotFound {
		t.Errorf("removed twice: %v", err)
	}
	if err := r.Undo(); err != nil {
		t.Fatal(err)
	}
	if got := below(t, s); !slices.Equal(got, before) {
		t.Errorf("after the undo the store has %q", got)
	}
	for _, ref := range []string{"a:x", "a"} {
		if err := removed(t, s, ref).Purge(); err != nil {
			t.Fatal(err)
		}
	}
	if got := below(t, s); len(got) > 0 {
		t.Errorf("the store has %q", got)
	}
}

func TestUndoReplacesNothing(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	install(t, s, "a", "x", "old")
	r := removed(t, s, "a")
	m := install(t, s, "a", "x", "newer")
	if err := r.Undo(); err == nil || !strings.Contains(err.Error(), "cannot put a back") {
		t.Errorf("undone: %v", err)
	}
	if data, err := os.ReadFile(m.Path); err != nil || string(data) != "newer" {
		t.Errorf("the file has %q, %v", data, err)
	}
	if err := r.Purge(); err != nil {
		t.Fatal(err)
	}
}

func TestRemoveFiles(t *testing.T) {
	s := store(t, "big-00001-of-00002.gguf", "big-00002-of-00002.gguf", "seer.gguf", "seer.mmproj.gguf", "other.gguf")
	outside := filepath.Join(t.TempDir(), "real.gguf")
	write(t, outside, "somebody's")
	if err := os.Symlink(outside, filepath.Join(s.Dir, "linked.gguf")); err != nil {
		t.Skip("there are no links: ", err)
	}
	for ref, frees := range map[string]int64{"big": 46, "seer": 25, "linked": 0} {
		r := removed(t, s, ref)
		if r.Frees != frees {
			t.Errorf("%s frees %d bytes, not %d", ref, r.Frees, frees)
		}
		if err := r.Purge(); err != nil {
			t.Fatal(err)
		}
	}
	if got := below(t, s); !slices.Equal(got, []string{"other.gguf"}) {
		t.Errorf("the store has %q", got)
	}
	if data, _ := os.ReadFile(outside); string(data) != "somebody's" {
		t.Errorf("the file outside has %q", data)
	}
}

func TestRemoveNotOurs(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	path := filepath.Join(t.TempDir(), "mine.gguf")
	write(t, path, "mine")
	if _, err := s.Remove(lookup(t, s, path)); fault.KindOf(err) != fault.Invalid || !exists(path) {
		t.Errorf("removed a file elsewhere: %v", err)
	}
}
