package markdown

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	xansi "github.com/charmbracelet/x/ansi"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/render/term"
)

// writeStyle writes a style file and returns its folder.
func writeStyle(t *testing.T, content string) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "mine.json"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

func TestStyleFile(t *testing.T) {
	folder := writeStyle(t, `{
		"document": {"margin": 2, "block_prefix": "\n"},
		"heading": {"color": "#ff0000", "block_suffix": "\n"},
		"h2": {"prefix": "## ", "bold": true},
		"block_quote": {"italic": true, "indent_token": "> "},
		"item": {"block_prefix": "* "},
		"enumeration": {"block_prefix": ") "},
		"strong": {"color": "#00ff00"},
		"code": {"background_color": "#0000ff"},
		"hr": {"format": "\n***\n"},
		"link_text": {"underline": true},
		"link": {"color": "#010203"},
		"image_text": {"format": "[{{ ToUpper .text }}]"},
		"code_block": {"margin": 1, "chroma": {"keyword": {"color": "#ff00ff"}}},
		"table": {"column_separator": "|", "center_separator": "+", "row_separator": "="}
	}`)
	style, err := LoadStyle("mine.json", folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ in, want string }{
		{"plain", "plain"},
		{"# One", "\x1b[38;2;255;0;0mOne\x1b[m"},
		{"## Two", "\x1b[1;38;2;255;0;0m## Two\x1b[m"},
		{"> said **loud**", "> \x1b[3msaid \x1b[m\x1b[3;38;2;0;255;0mloud\x1b[m"},
		{"- a", "* a"},
		{"1. a", "1) a"},
		{"**`a`**", "\x1b[38;2;0;255;0;48;2;0;0;255ma\x1b[m"},
		{"---", "***"},
		{"[a](b)", "\x1b[4ma\x1b[m \x1b[38;2;1;2;3mb\x1b[m"},
		{"![a](b)", "[A] b"},
		{"```go\nif\n```", " \x1b[38;2;255;0;255mif\x1b[m"},
		{"|a|b|\n|-|-|\n|1|2|", "\x1b[38;2;0;255;0ma\x1b[m | \x1b[38;2;0;255;0mb\x1b[m\n==+==\n1 | 2"},
	} {
		if got := NewRenderer(style).Block(tt.in, 40); got != tt.want {
			t.Errorf("%q is drawn as\n%q\nwant\n%q", tt.in, got, tt.want)
		}
	}
}

// TestColourless keeps the backticks of code that only a colour shows.
func TestColourless(t *testing.T) {
	for _, tt := range []struct{ style, want string }{
		{`{"code": {"color": "#ff0000", "background_color": "#00ff00"}}`, "use `a b` here"},
		{`{"code": {"color": "#ff0000", "prefix": " ", "suffix": " "}}`, "use `a b` here"},
		{`{"code": {"prefix": "<", "suffix": ">"}}`, "use <a b> here"},
		{`{"code": {"bold": true}}`, "use a b here"},
	} {
		style, err := LoadStyle("mine.json", writeStyle(t, tt.style))
		if err != nil {
			t.Fatal(err)
		}
		if got := xansi.Strip(NewRenderer(style.Colourless()).Block("use `a b` here", 40)); got != tt.want {
			t.Errorf("%s: code is drawn as %q, want %q", tt.style, got, tt.want)
		}
	}
	for _, style := range []*Style{Dark, Light} {
		if got := xansi.Strip(NewRenderer(style.Colourless()).Block("`a`", 40)); got != "`a`" {
			t.Errorf("code is drawn as %q", got)
		}
		if got := xansi.Strip(NewRenderer(style).Block("`a`", 40)); got != "a" {
			t.Errorf("with colours, code is drawn as %q", got)
		}
	}
}

func TestStyleFileThatCannotBeUsed(t *testing.T) {
	for _, tt := range []struct{ name, content, want string }{
		{"not JSON", "theme = 1", "not JSON"},
		{"other JSON", "[1]", "not a Glamour style"},
		{"wrong type", `{"heading": {"bold": "yes"}}`, "not a Glamour style"},
		{"too large", `{"a": "` + strings.Repeat("x", maxStyle) + `"}`, "larger than 64 kB"},
		{"escape", `{"heading": {"prefix": "\u001b]52;c;eA==\u0007"}}`, "prefix: has control characters"},
		{"C1 control", `{"item": {"block_prefix": "\u009b2J"}}`, "block_prefix: has control characters"},
		{"long text", `{"heading": {"prefix": "` + strings.Repeat("x", maxStyleText+1) + `"}}`, "prefix: longer than 200 bytes"},
		{"wide margin", `{"code_block": {"margin": 4000000000}}`, "margin: want a number from 0 to 16"},
		{"endless template", `{"hr": {"format": "{{range 1000000000000}}x{{end}}"}}`, "format: unsupported template"},
		{"large template", `{"hr": {"format": "{{Repeat .text 1000000000}}"}}`, "format: unsupported template"},
		{"no colour", `{"code_block": {"chroma": {"keyword": {"color": "blue green"}}}}`, "code_block.chroma"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := LoadStyle("mine.json", writeStyle(t, tt.content))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if e, ok := errors.AsType[*fault.Error](err); !ok || !strings.Contains(e.Advice, "dracula") {
				t.Errorf("no advice: %v", err)
			}
		})
	}
	for name, want := range map[string]string{
		"drakula":    `load style "drakula": no such style`,
		"other.json": `load style "other.json": no such file or directory`,
		"./":         `load style "./": not a file`,
	} {
		if _, err := LoadStyle(name, t.TempDir()); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// allStyles are bise's own styles, Glamour's, and one that changes the case of text.
func allStyles(t testing.TB) map[string]*Style {
	t.Helper()
	all := map[string]*Style{"bise dark": Dark, "bise light": Light}
	for _, name := range Styles {
		s, err := LoadStyle(name, "")
		if err != nil {
			t.Fatal(err)
		}
		all[name] = s
	}
	config, err := parseStyle([]byte(`{"document": {"upper": true, "background_color": "4"}, "heading": {"title": true, "underline": true}, "link": {"lower": true}, "table": {"row_separator": "-", "column_separator": "|"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if all["upper case"], err = glamourStyle(config); err != nil {
		t.Fatal(err)
	}
	return all
}

const hostile = "# a&#27;]52;c;ZXZpbA==&#7;b&#x9b;2J <b>x</b>\n\n" +
	"&#27;[2J **&#27;]0;title&#27;\\** `&#27;[8m` ~~\\&#27;[31m~~ [go&#27;[2J](javascript:alert(1)) [x](file:///etc/passwd) <javascript:x>\n" +
	"![&#27;c](https://a.b/&#27;]8;;x) [**y**](https://a.b/`\u009d`) \ufdd0[31m \ufdd1#27; {{.text}} \\\\x1b[31m $\\text{\u001b[31m}$\n\n" +
	"| &#27;[2J | [z](https://a.b/%1b) |\n|-|-|\n| `&#8;` | &#27;P |\n\n- [ ] &#27;[2J\n\n1. &#x85;\n\n> &#27;_x\n\n```\n\x1b[2J\n```\n"

// TestHostileAnswer checks in every style that an answer commands nothing: of control
// sequences there are only styles, and links to the web.
func TestHostileAnswer(t *testing.T) {
	for name, style := range allStyles(t) {
		r := NewRenderer(style)
		r.Links = true
		for _, columns := range []int{10, 40, 200} {
			got := r.Block(hostile, columns)
			for rest := got; ; {
				_, after, found := strings.Cut(rest, linkTo)
				if !found {
					break
				}
				to, after, _ := strings.Cut(after, stringEnd)
				if to != "" && !strings.HasPrefix(to, "https://a.b/") {
					t.Errorf("%s: links to %q", name, to)
				}
				rest = after
			}
			if out := ours.ReplaceAllString(got, ""); out != term.Clean(out) || strings.Contains(out, "\x1b") {
				t.Errorf("%s: drawn as %q", name, out)
			}
			if strings.Contains(got, "\x1b[8m") || !strings.Contains(strings.ToLower(xansi.Strip(got)), "<b>") {
				t.Errorf("%s: hidden or lost text: %q", name, got)
			}
		}
	}
}

// TestStylesKeepText checks that no style loses words, or breaks lines that fit.
func TestStylesKeepText(t *testing.T) {
	for name, style := range allStyles(t) {
		got := strings.ToLower(xansi.Strip(NewRenderer(style).Block(sample, 80)))
		for _, word := range strings.FieldsFunc(strings.ToLower(sample), func(r rune) bool { return strings.ContainsRune("#*`|>-[]<>1234567890.:,;\n ", r) }) {
			if !strings.Contains(got, word) && word != "go" {
				t.Errorf("%s: %q is missing in\n%s", name, word, got)
			}
		}
		for _, line := range strings.Split(got, "\n") {
			if xansi.StringWidth(line) > 80 && !strings.Contains(line, "append(s, 1, 2, 3)") {
				t.Errorf("%s: a line is too long: %q", name, line)
			}
		}
	}
}
