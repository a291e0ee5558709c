package kit

import (
	"image/color"
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/bise-sh/bise/render/markdown"
)

// A palette has the colours of a theme on a dark or a light background. Body text has the
// terminal's colour. All have a contrast of at least 4.5:1 with black or white (WCAG 2.2,
// 1.4.3).
type palette struct {
	accent          [3]color.Color // from left to right
	muted, border   color.Color
	ok, warn, alert color.Color
	code            string // a chroma style
}

func rgb(v uint32) color.Color {
	return color.RGBA{R: uint8(v >> 16), G: uint8(v >> 8), B: uint8(v), A: 0xff}
}

func gradient(a, b, c uint32) [3]color.Color { return [3]color.Color{rgb(a), rgb(b), rgb(c)} }

// A Shade is the background of a palette.
type Shade int

const (
	Dark Shade = iota
	Light
)

// palettes has the palettes of each family of themes, by shade.
var palettes = map[string][2]palette{
	// Amber, orange, red.
	"bise": {
		Dark:  {gradient(0xffb000, 0xff7000, 0xe33b2e), rgb(0x8a8a8a), rgb(0x7d7d7d), rgb(0x5fbf77), rgb(0xe5b93c), rgb(0xff6b5e), "monokai"},
		Light: {gradient(0x8f5a00, 0xa84300, 0xb3261e), rgb(0x6b6b6b), rgb(0x757575), rgb(0x1d7a3e), rgb(0x8a5a00), rgb(0xc0261c), "friendly"},
	},
	"lavender": {
		Dark:  {gradient(0xd6b4ff, 0xb08cff, 0x8f7bff), rgb(0x8d8a99), rgb(0x777482), rgb(0x7fc8a0), rgb(0xe2c26b), rgb(0xff7a90), "dracula"},
		Light: {gradient(0x7a3fc0, 0x6233b8, 0x4a2fa8), rgb(0x69667a), rgb(0x74717f), rgb(0x1f7a4d), rgb(0x7d5c00), rgb(0xb4233f), "xcode"},
	},
	"olive": {
		Dark:  {gradient(0xd8e26a, 0xa9cf5a, 0x6fbf73), rgb(0x8b8d80), rgb(0x75776c), rgb(0x7fcf8a), rgb(0xe3bd4f), rgb(0xff7b61), "gruvbox"},
		Light: {gradient(0x5f6b00, 0x47702a, 0x23703f), rgb(0x676a5c), rgb(0x73766a), rgb(0x23703f), rgb(0x7a5b00), rgb(0xb03a1c), "gruvbox-light"},
	},
	// High contrast: at least 7:1.
	"contrast": {
		Dark:  {gradient(0xffe14d, 0xffd000, 0xffb84d), rgb(0xc4c4c4), rgb(0xb0b0b0), rgb(0x7dff9b), rgb(0xffe14d), rgb(0xff9c8f), "monokai"},
		Light: {gradient(0x4a2c00, 0x5c2400, 0x6e1008), rgb(0x3d3d3d), rgb(0x4a4a4a), rgb(0x00461c), rgb(0x4f3300), rgb(0x7a0c05), "friendly"},
	},
}

// A Theme has all styles. It never changes, so that its address identifies what was drawn with
// it.
type Theme struct {
	Name  string
	Shade Shade
	// paint reports that the theme needs another background than the terminal's, and so sets
	// it.
	paint bool
	palette

	Placeholder                              lipgloss.Style // in place of text that was not typed yet
	Text, Bold, faint, Muted, Accent, Border lipgloss.Style
	OK, Warn, Alert                          lipgloss.Style
	Selected                                 lipgloss.Style // the selected row or tab
	link                                     lipgloss.Style
	Match, CurrentMatch                      lipgloss.Style // matches of a filter

	Brand    string // bise in the first line
	Markdown *markdown.Renderer
}

// NewTheme returns the theme with a name for a terminal's background.
func NewTheme(name string, terminal Shade) *Theme {
	if name == "" {
		name = "auto"
	}
	t := &Theme{Name: name, Shade: terminal}
	family := name
	switch name {
	case "light", "dark":
		t.Shade = Dark
		if name == "light" {
			t.Shade = Light
		}
		t.paint = t.Shade != terminal
		family = "bise"
	case "auto":
		family = "bise"
	}
	pair, ok := palettes[family]
	if !ok {
		pair = palettes["bise"]
	}
	t.palette = pair[t.Shade]
	p := t.palette
	plain := lipgloss.NewStyle()
	t.Text, t.Bold, t.faint = plain, plain.Bold(true), plain.Faint(true)
	t.Muted = plain.Foreground(p.muted)
	t.Placeholder = t.Muted
	t.Accent = plain.Foreground(p.accent[1])
	t.Border = plain.Foreground(p.border)
	t.OK = plain.Foreground(p.ok)
	t.Warn = plain.Foreground(p.warn)
	t.Alert = plain.Foreground(p.alert)
	t.Selected = plain.Foreground(p.accent[1]).Bold(true)
	t.link = plain.Underline(true)
	t.Match = plain.Foreground(p.accent[0]).Underline(true)
	t.CurrentMatch = t.Match.Reverse(true)
	t.Brand = t.gradient("bise")
	t.Markdown = markdown.NewRenderer(markdown.NewStyle(p.accent[1], p.muted, p.code, paper(t.Shade)))
	t.Markdown.Links, t.Markdown.Marks = true, true
	return t
}

// removeColours shows with other means what only a colour has shown. The terminal's writer removes
// the colours themselves.
func (t *Theme) removeColours() {
	t.Muted = t.faint
	t.Border = t.faint
	t.Placeholder = t.faint.Italic(true)
	t.Markdown.Style = t.Markdown.Style.Colourless()
}

// gradient writes a text in bold in the colours of the accent.
func (t *Theme) gradient(s string) string {
	runes := []rune(s)
	var b strings.Builder
	for i, c := range lipgloss.Blend1D(max(2, len(runes)), t.palette.accent[:]...) {
		if i < len(runes) {
			b.WriteString(lipgloss.NewStyle().Bold(true).Foreground(c).Render(string(runes[i])))
		}
	}
	return b.String()
}

// Background and Foreground return colours to set in the terminal; nil: unchanged.
func (t *Theme) Background() color.Color {
	if !t.paint {
		return nil
	}
	return paper(t.Shade)
}

// paper returns a background.
func paper(s Shade) color.Color {
	return [2]color.Color{Dark: rgb(0x080808), Light: rgb(0xffffff)}[s]
}

func (t *Theme) Foreground() color.Color {
	if !t.paint {
		return nil
	}
	return [2]color.Color{Dark: rgb(0xe6e6e6), Light: rgb(0x1a1a1a)}[t.Shade]
}

// Row returns the mark before a row, and the row's style.
func (t *Theme) Row(selected bool) (mark string, style lipgloss.Style) {
	if selected {
		return t.Accent.Render("❯ "), t.Selected
	}
	return "  ", t.Text
}

// Cursor returns the colour of the text cursor.
func (t *Theme) Cursor() color.Color { return t.palette.accent[1] }
