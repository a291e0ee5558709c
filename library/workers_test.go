package library

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bise-sh/bise/fault"
)

// A model has one name, whatever part of it the user writes.
func TestWorkersOfAModelThatIsNotInMemory(t *testing.T) {
	l := newLibrary(t)
	var noted string
	l.options.Note = func(s string) { noted += s }
	if err := os.MkdirAll(l.options.Places.Models, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(l.options.Places.Models, "small.gguf"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := l.Workers(t.Context(), "SMA")
	if want := "small is not in memory."; len(list) != 0 || err != nil || noted != want {
		t.Errorf("found %d workers, %v, noted %q, want %q", len(list), err, noted, want)
	}
	if _, err := l.Workers(t.Context(), "nosuch"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("of a model that does not exist: %v", err)
	}
}
