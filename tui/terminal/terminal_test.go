package terminal

import (
	"strings"
	"testing"
)

func TestAtLine(t *testing.T) {
	for editor, want := range map[string]string{
		"vi": "vi +7 a.go", "nvim -f": "nvim -f +7 a.go", "/usr/bin/emacs": "/usr/bin/emacs +7 a.go", "hx": "hx a.go:7", "codium": "codium --goto a.go:7",
	} {
		if got := strings.Join(atLine(editor, "a.go", 7), " "); got != want {
			t.Errorf("%s: %q, want %q", editor, got, want)
		}
	}
}
