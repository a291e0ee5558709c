package talk

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"github.com/bise-sh/bise/tui/kit"
)

// FuzzMarkdown draws any text at any width.
func FuzzMarkdown(f *testing.F) {
	f.Add("Appending past the capacity:\n\n```go\ns = append(s, 1)\n```\n\nCapacity doubles.", 40)
	f.Add("```\n\x1b[31m\n", 1)
	f.Add("- a\n  - b\n    - c\n\n> d\n\n| e |\n| - |\n", 12)
	f.Add(strings.Repeat("x", 10_000), 100)
	look := plainLook(f)
	f.Fuzz(func(t *testing.T, text string, width int) {
		if len(text) > 12_000 || width < 1 || width > 200 || !utf8.ValidString(text) {
			return
		}
		var a markdownParts
		a.add(text)
		a.end()
		for _, p := range a.parts {
			for _, row := range p.rows(look.Theme, width) {
				if w := kit.Width(row); w > max(width, 2) {
					t.Fatalf("%d columns of %d: %q", w, width, row)
				}
				if bad := notText(row); bad != "" {
					t.Fatalf("the row has %q", bad)
				}
			}
		}
	})
}

// notText returns what in a row is neither text nor style nor link.
func notText(s string) string {
	for len(s) > 0 {
		seq, _, n, _ := ansi.DecodeSequence(s, ansi.NormalState, nil)
		if n <= 0 {
			return s
		}
		switch {
		case strings.HasPrefix(seq, "\x1b[") && strings.HasSuffix(seq, "m"), strings.HasPrefix(seq, "\x1b]8;"):
		case seq[0] == '\x1b', seq[0] < ' ', seq[0] == 0x7f:
			return seq
		}
		s = s[n:]
	}
	return ""
}
