package answer

import (
	"os"
	"strings"
	"testing"
)

func TestPicturesAndQuestion(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write(t, "a.png", "x")
	write(t, "notes", "x")
	if err := os.Mkdir("folder", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args     string
		pictures int
		question string
	}{
		{"a.png|what is it?", 1, "what is it?"},
		{"a.png|what|is|it?", 1, "what is it?"},
		{"a.png|a.png|what|a.png", 2, "what a.png"},
		{"missing|what?", 1, "what?"},
		{"a.png|missing.JPG|what?", 2, "what?"},
		{"a.png|missing.jpg is what?", 1, "missing.jpg is what?"},
		{"a.png|notes|what?", 2, "what?"},
		{"a.png|folder|what?", 1, "folder what?"},
		{"-|clipboard:|https://x.org/a|what?", 3, "what?"},
		{"a.png", 1, ""},
	} {
		pictures, question := imagesAndQuestion(strings.Split(tt.args, "|"))
		if len(pictures) != tt.pictures || question != tt.question {
			t.Errorf("%q: %q and %q", tt.args, pictures, question)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
