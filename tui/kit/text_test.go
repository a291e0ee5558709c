package kit

import (
	"strings"
	"testing"

	"github.com/bise-sh/bise/render/term"
)

func TestWrapStyled(t *testing.T) {
	for _, tt := range []struct {
		line  string
		width int
		want  []string
	}{
		{"short", 10, []string{"short"}},
		{"  indented code", 10, []string{"  indented", "   code"}},
		{"\x1b[1mabcdef\x1b[mgh", 4, []string{"\x1b[1mabcd\x1b[m", "\x1b[1mef\x1b[mgh"}},
		{"日本語日本", 4, []string{"日本", "語日", "本"}},
	} {
		if got := WrapStyled(tt.line, tt.width); term.Unmark(strings.Join(got, "|")) != strings.Join(tt.want, "|") {
			t.Errorf("%q in %d: %q, want %q", tt.line, tt.width, got, tt.want)
		}
	}
}
