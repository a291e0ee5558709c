package term

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"plain", "naïve 日本 😀\tok\n", "naïve 日本 😀\tok\n"},
		{"colour", "a\x1b[31;1mred\x1b[0m b", "ared b"},
		{"clear", "\x1b[2J\x1b[Hgone?", "gone?"},
		{"title", "\x1b]0;owned\atext", "text"},
		{"clipboard", "\x1b]52;c;ZXZpbA==\x1b\\text", "text"},
		{"link", "\x1b]8;;http://x\x1b\\here\x1b]8;;\x1b\\", "here"},
		{"device string", "\x1bPq#0;2\x1b\\text", "text"},
		{"application string", "\x1b_Gf=100;AAAA\x1b\\text", "text"},
		{"eight bit", "\u009b31mred\u009d0;t\u009ctext", "redtext"},
		{"character set", "\x1b(0text", "text"},
		{"reset", "\x1bctext", "text"},
		{"backspace", "safe\b\b\b\bevil\r\n", "safeevil\n"},
		{"null and delete", "a\x00b\x7fc", "abc"},
		{"unfinished", "a\x1b]0;title\nb", "a\nb"},
		{"escape in sequence", "\x1b[3\x1b[31mx", "x"},
		{"escape in string", "\x1b]0;t\x1b[31mx", "x"},
		{"rune after escape", "\x1bé", "é"},
		{"not UTF-8", "a\x9b31mb\xff", "a\ufffd31mb\ufffd"},
		{"direction", "a\u202eb\u202ac\u202bd\u202ce\u202df\u2066g\u2067h\u2068i\u2069j", "abcdefghij"},
		{"marks and joiners", "\u200ea\u200fb\u061cc می\u200cخواهم 👩\u200d👧 x\u200d", "\u200ea\u200fb\u061cc می\u200cخواهم 👩\u200d👧 x\u200d"},
		{"rune in sequence", "\x1b[3é", "é"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Clean(tt.in); got != tt.want {
				t.Errorf("Clean(%q) = %q, want %q", tt.in, got, tt.want)
			}
			var c Cleaner
			var b strings.Builder
			for _, r := range tt.in {
				b.WriteString(c.Clean(string(r)))
			}
			if got := b.String(); got != tt.want {
				t.Errorf("rune by rune: %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCleanGivesUpOnAnEndlessString(t *testing.T) {
	got := Clean("\x1b]0;" + strings.Repeat("x", longestSequence) + "the answer")
	if !strings.HasSuffix(got, "the answer"[1:]) {
		t.Errorf("the answer is lost: %q", got)
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\x1b[31mb\x1b]0;t\x1b\\c\u009bd", 3)
	f.Add("\x1b\x1b[\x1b]\x1bP", 1)
	f.Fuzz(func(t *testing.T, s string, cut int) {
		if len(s) > 1<<12 || !utf8.ValidString(s) {
			return
		}
		whole := Clean(s)
		if strings.ContainsFunc(whole, isControl) {
			t.Errorf("Clean(%q) = %q has a control character", s, whole)
		}
		if Clean(whole) != whole {
			t.Errorf("cleaning %q again changes it", whole)
		}
		if strings.Count(whole, "\n") != strings.Count(s, "\n") {
			t.Errorf("Clean(%q) = %q: lines differ", s, whole)
		}
		cut = max(0, min(cut, len(s)))
		for cut < len(s) && !utf8.RuneStart(s[cut]) {
			cut++
		}
		var c Cleaner
		if parts := c.Clean(s[:cut]) + c.Clean(s[cut:]); parts != whole {
			t.Errorf("in two pieces %q, in one %q", parts, whole)
		}
	})
}
