package attach

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestCompletePath(t *testing.T) {
	home := t.TempDir()
	folder := filepath.Join(home, "work")
	for _, path := range []string{"work/model one.gguf", "work/model-two.gguf", "work/models/a.gguf", "work/.hidden", "work/é1", "work/è2", "notes.txt"} {
		path = filepath.Join(home, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		typed, want string
		names       []string
	}{
		{"m", "model", []string{"model one.gguf", "model-two.gguf", "models/"}},
		{"models", "models/", []string{"models/"}},
		{"models/", "models/a.gguf", []string{"a.gguf"}},
		{"model ", "model one.gguf", []string{"model one.gguf"}},
		{".h", ".hidden", []string{".hidden"}},
		{"~", "~/", []string{"notes.txt", "work/"}},
		{"~/no", "~/notes.txt", []string{"notes.txt"}},
		{home + "/w", home + "/work/", []string{"work/"}},
		{"../n", "../notes.txt", []string{"notes.txt"}},
		{"x", "x", nil},
		{"no/such", "no/such", nil},
	} {
		got, names := CompletePath(folder, home, tt.typed)
		if got != tt.want || !slices.Equal(names, tt.names) {
			t.Errorf("%q is completed to %q of %q, want %q of %q", tt.typed, got, names, tt.want, tt.names)
		}
	}
	if got := commonPrefix("é1", "è2"); got != "" {
		t.Errorf("half a rune: %q", got)
	}
}
