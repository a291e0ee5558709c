package markdown

import (
	"strings"
	"testing"

	xansi "github.com/charmbracelet/x/ansi"
)

func TestLinks(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"web", "[go](https://go.dev)", "https://go.dev"},
		{"automatic", "<https://go.dev/a?b=c>", "https://go.dev/a?b=c"},
		{"mail", "<mailto:a@b.c>", "mailto:a@b.c"},
		{"not ASCII", "[go](https://go.dev/é)", "https://go.dev/%C3%A9"},
		{"picture", "![go](https://go.dev/x.png)", "https://go.dev/x.png"},
		{"file", "[go](file:///etc/passwd)", ""},
		{"program", "[go](javascript:alert)", ""},
		{"relative", "[go](main.go)", ""},
		{"escape", "[go](<https://go.dev/\x1b]52;c;x>)", ""},
		{"too long", "[go](https://go.dev/" + strings.Repeat("x", longestTarget) + ")", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := NewRenderer(Dark)
			r.Links = true
			got := r.Block(tt.in, 40)
			_, to, found := strings.Cut(got, linkTo)
			to, _, _ = strings.Cut(to, stringEnd)
			if to != tt.want || found != (tt.want != "") {
				t.Errorf("links to %q, want %q: %q", to, tt.want, got)
			}
			r.Links = false
			if plain := r.Block(tt.in, 40); strings.Contains(plain, "\x1b]") || xansi.Strip(plain) != xansi.Strip(got) {
				t.Errorf("without links %q", plain)
			}
		})
	}
}

// TestLinkOverLines checks that each line begins and ends its part of a link.
func TestLinkOverLines(t *testing.T) {
	r := NewRenderer(Dark)
	r.Links = true
	lines := strings.Split(r.Block("[a label of several words that is wrapped](https://go.dev) and more words after it", 20), "\n")
	for _, line := range lines[:2] {
		if !strings.HasPrefix(line, linkTo+"https://go.dev"+stringEnd) || !strings.HasSuffix(line, linkTo+stringEnd) {
			t.Errorf("line %q", line)
		}
	}
	if last := lines[len(lines)-1]; strings.Contains(last, "https://go.dev"+stringEnd) {
		t.Errorf("what follows the link is linked: %q", last)
	}
}

func TestCode(t *testing.T) {
	for _, tt := range []struct {
		name, in, language, source string
		ok                         bool
	}{
		{"go", "```go\na\n\nb\n```\n", "go", "a\n\nb", true},
		{"attributes", "~~~ sh title=x\na\n~~~", "sh", "a", true},
		{"open", "```\na\n", "", "a", true},
		{"indented", "  ```\n  a\n    b\n  ```\n", "", "a\n  b", true},
		{"longer fence", "````\n```\n````\n", "", "```", true},
		{"nothing", "```go\n```\n", "go", "", true},
		{"prose", "a ```go\n", "", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			language, source, ok := Code(tt.in)
			if language != tt.language || source != tt.source || ok != tt.ok {
				t.Errorf("Code = %q, %q, %v", language, source, ok)
			}
		})
	}
}

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		cut      string // "" where it cannot be
		growing  string // afterwards
	}{
		{"prose", "a\nb", "a\n", "b"},
		{"one line", "a", "", "a"},
		{"list", "- a\n- b", "- a\n", "- b"},
		{"code", "```go\na\nb", "```go\na\n```\n", "```go\nb"},
		{"code without lines", "```go\na", "", "```go\na"},
		{"code in item", "- a\n  ```\n  b\n", "", "- a\n  ```\n  b\n"},
		{"table", "| a |\n| - |\n| 1 |\n", "", "| a |\n| - |\n| 1 |\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b Blocks
			if done := b.Add(tt.in); len(done) > 0 {
				t.Fatalf("finished %q", done)
			}
			block, ok := b.Cut()
			if block != tt.cut || ok != (tt.cut != "") || b.Growing() != tt.growing {
				t.Errorf("Cut = %q, %v; then %q", block, ok, b.Growing())
			}
		})
	}
}
