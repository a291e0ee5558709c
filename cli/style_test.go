package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/render/markdown"
	"github.com/bise-sh/bise/render/term"
)

func TestAnswerStyle(t *testing.T) {
	t.Setenv("COLORFGBG", "15;0")
	for _, tt := range []struct{ style, note string }{
		{"", ""},
		{"dracula", ""},
		{"missing.json", "load style \"missing.json\": no such file or directory. Set interface.style to ascii, "},
	} {
		var stderr bytes.Buffer
		a := &app{places: config.Places{Config: t.TempDir()}, stderr: &stderr, progress: newProgress(&stderr, term.Screen{})}
		a.config.Interface.Style = tt.style
		got := a.answerStyle()
		if own := got == markdown.Dark; own != (tt.style != "dracula") || got != a.answerStyle() {
			t.Errorf("%q: got the wrong style", tt.style)
		}
		if note := stderr.String(); !strings.HasPrefix(note, tt.note) || strings.Count(note, "\n") != min(1, len(tt.note)) {
			t.Errorf("%q: noted %q, want %q once", tt.style, note, tt.note)
		}
	}
}
