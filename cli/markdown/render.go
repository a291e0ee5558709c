package markdown

import (
	"regexp"
	"strings"

	"charm.land/glamour/v2"
	"charm.land/glamour/v2/ansi"
	xansi "github.com/charmbracelet/x/ansi"
)

// A Theme is for a light or a dark background.
type Theme int

const (
	Dark Theme = iota
	Light
)

// widest is the most columns that text takes, for the eye's sake.
const widest = 100

// A Renderer draws blocks. It belongs to one goroutine.
type Renderer struct {
	theme   Theme
	columns int
	text    *glamour.TermRenderer
	code    *glamour.TermRenderer // does not wrap, so that code can be copied whole
}

// Block draws one block in so many columns, without empty lines around it. Text
// is at most 100 columns wide; code is as wide as it is.
func (r *Renderer) Block(block string, columns int) string {
	columns = max(10, min(widest, columns))
	if r.text == nil || r.columns != columns {
		r.columns = columns
		r.text = renderer(r.theme, columns)
		r.code = renderer(r.theme, 0)
	}
	draw := r.text
	if _, body := measure(firstLine(block)); opens(body) != "" {
		draw = r.code
	} else {
		block = keepTags(block)
	}
	out, err := draw.Render(block)
	if err != nil {
		return strings.Trim(block, "\n")
	}
	return trim(out)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func renderer(theme Theme, columns int) *glamour.TermRenderer {
	r, err := glamour.NewTermRenderer(glamour.WithStyles(style(theme)), glamour.WithWordWrap(columns))
	if err != nil {
		panic("markdown: a style of ours is refused: " + err.Error())
	}
	return r
}

// padding is the white space that glamour fills lines with.
var padding = regexp.MustCompile(`(?:\x1b\[[0-9;]*m|[ \t])+$`)

// trim takes the empty lines around a drawn block away, and the filling of its
// lines.
func trim(out string) string {
	lines := strings.Split(out, "\n")
	for i, line := range lines {
		cut := padding.ReplaceAllString(line, "")
		if cut != line && strings.Contains(cut, "\x1b[") {
			cut += "\x1b[m"
		}
		if xansi.Strip(cut) == "" {
			cut = ""
		}
		lines[i] = cut
	}
	for len(lines) > 0 && lines[0] == "" {
		lines = lines[1:]
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return strings.Join(lines, "\n")
}

// keepTags escapes what Markdown would read as HTML and glamour then leave out,
// such as the type in vector<int>. Code spans and <https://…> stay as they are.
func keepTags(block string) string {
	var b strings.Builder
	for i := 0; i < len(block); {
		switch block[i] {
		case '\\':
			end := min(i+2, len(block))
			b.WriteString(block[i:end])
			i = end
		case '`':
			end := i + len(block[i:]) - len(strings.TrimLeft(block[i:], "`"))
			ticks := block[i:end]
			if n := span(block[end:], len(ticks)); n >= 0 {
				end += n
			}
			b.WriteString(block[i:end])
			i = end
		case '<':
			if !strings.HasPrefix(block[i:], "<http") && !strings.HasPrefix(block[i:], "<mailto:") {
				b.WriteByte('\\')
			}
			b.WriteByte('<')
			i++
		default:
			b.WriteByte(block[i])
			i++
		}
	}
	return b.String()
}

// span finds the run of exactly n backticks that closes a code span, and returns
// where it ends, -1 when there is none.
func span(s string, n int) int {
	for i := 0; i < len(s); {
		if s[i] != '`' {
			i++
			continue
		}
		start := i
		for i < len(s) && s[i] == '`' {
			i++
		}
		if i-start == n {
			return i
		}
	}
	return -1
}

// style is how an answer looks: structure by weight and space, one accent.
func style(theme Theme) ansi.StyleConfig {
	accent, muted, codeTheme := "#FFB000", "#8A8A8A", "monokai"
	if theme == Light {
		accent, muted, codeTheme = "#A33A00", "#6B6B6B", "friendly"
	}
	return ansi.StyleConfig{
		BlockQuote: ansi.StyleBlock{
			StylePrimitive: ansi.StylePrimitive{Color: &muted},
			Indent:         new(uint(1)), IndentToken: new("│ "),
		},
		List:                  ansi.StyleList{LevelIndent: 2},
		Heading:               ansi.StyleBlock{StylePrimitive: ansi.StylePrimitive{Bold: new(true), Color: &accent}},
		Emph:                  ansi.StylePrimitive{Italic: new(true)},
		Strong:                ansi.StylePrimitive{Bold: new(true)},
		Strikethrough:         ansi.StylePrimitive{CrossedOut: new(true)},
		HorizontalRule:        ansi.StylePrimitive{Color: &muted, Format: "\n────────\n"},
		Item:                  ansi.StylePrimitive{BlockPrefix: "• "},
		Enumeration:           ansi.StylePrimitive{BlockPrefix: ". "},
		Task:                  ansi.StyleTask{Ticked: "[✓] ", Unticked: "[ ] "},
		Link:                  ansi.StylePrimitive{Underline: new(true), Color: &muted},
		ImageText:             ansi.StylePrimitive{Format: "Picture: {{.text}} →"},
		Code:                  ansi.StyleBlock{StylePrimitive: ansi.StylePrimitive{Color: &accent}},
		CodeBlock:             ansi.StyleCodeBlock{StyleBlock: ansi.StyleBlock{Margin: new(uint(2))}, Theme: codeTheme},
		DefinitionDescription: ansi.StylePrimitive{BlockPrefix: "\n  "},
	}
}
