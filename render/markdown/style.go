package markdown

import (
	"encoding/json"
	"fmt"
	"image/color"
	"strings"

	glamour "charm.land/glamour/v2/ansi"
	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/styles"
)

// A Style is the look of an answer: a style configuration of Glamour, the colours
// of code, and the background they are read on.
type Style struct {
	sheet      *sheet
	code       *chroma.Style // nil: code has one colour
	background color.Color   // nil: the colours of code stay as they are
}

// Dark and Light are the styles of bise. The contrast with a black and a white
// background is at least 4.5:1.
var (
	Dark  = NewStyle(rgb(0xffb000), rgb(0x8a8a8a), "monokai", color.Black)
	Light = NewStyle(rgb(0xa33a00), rgb(0x6b6b6b), "friendly", color.White)
)

func rgb(v uint32) color.Color {
	return color.RGBA{R: uint8(v >> 16), G: uint8(v >> 8), B: uint8(v), A: 0xff}
}

// NewStyle returns the style of bise: weight and space show the structure, and there
// is one accent. Colours of the named Chroma style that are hard to read on the
// background become lighter or darker.
func NewStyle(accent, muted color.Color, code string, background color.Color) *Style {
	yes, margin := true, uint(2)
	strong, quiet := hex(accent), hex(muted)
	bar, rule, empty := paint("│ ", muted), paint("─", muted), ""
	link := glamour.StylePrimitive{Color: &quiet, Prefix: "(", Suffix: ")"}
	return &Style{
		sheet: newSheet(glamour.StyleConfig{
			Heading:        glamour.StyleBlock{StylePrimitive: glamour.StylePrimitive{Color: &strong, Bold: &yes}},
			BlockQuote:     glamour.StyleBlock{IndentToken: &bar},
			Strong:         glamour.StylePrimitive{Bold: &yes},
			Emph:           glamour.StylePrimitive{Italic: &yes},
			Strikethrough:  glamour.StylePrimitive{CrossedOut: &yes},
			HorizontalRule: glamour.StylePrimitive{Color: &quiet, Format: "────────"},
			Item:           glamour.StylePrimitive{BlockPrefix: "• "},
			Enumeration:    glamour.StylePrimitive{BlockPrefix: ". "},
			Task:           glamour.StyleTask{Ticked: "[✓] ", Unticked: "[ ] "},
			Code:           glamour.StyleBlock{StylePrimitive: glamour.StylePrimitive{Color: &strong}},
			CodeBlock:      glamour.StyleCodeBlock{StyleBlock: glamour.StyleBlock{Margin: &margin}},
			Link:           link,
			LinkText:       glamour.StylePrimitive{Underline: &yes},
			Image:          link,
			ImageText:      glamour.StylePrimitive{Format: "Picture: {{.text}}"},
			Table:          glamour.StyleTable{RowSeparator: &rule, ColumnSeparator: &empty, CenterSeparator: &empty},
		}),
		code:       styles.Get(code),
		background: background,
	}
}

// Colourless returns the style for a terminal without colours: code in a text keeps its backticks
// if nothing but its colour shows that it is code.
func (s *Style) Colourless() *Style {
	config := s.sheet.config
	code := &config.Code.StylePrimitive
	bare := *code
	bare.Color, bare.BackgroundColor = nil, nil
	bare.Prefix, bare.Suffix = strings.TrimSpace(bare.Prefix), strings.TrimSpace(bare.Suffix)
	if bare != (glamour.StylePrimitive{}) {
		return s
	}
	code.Prefix, code.Suffix = "`", "`"
	return &Style{newSheet(config), s.code, s.background}
}

func hex(c color.Color) string {
	r, g, b, _ := c.RGBA()
	return fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8)
}

// A sheet is a style configuration, and the styles of the blocks of text in it.
type sheet struct {
	config    glamour.StyleConfig
	paragraph glamour.StyleBlock
	headings  [6]glamour.StyleBlock
}

func newSheet(config glamour.StyleConfig) *sheet {
	s := &sheet{config: config, paragraph: cascade(config.Document, config.Paragraph)}
	for i, h := range []glamour.StyleBlock{config.H1, config.H2, config.H3, config.H4, config.H5, config.H6} {
		s.headings[i] = cascade(config.Document, config.Heading, h)
	}
	return s
}

// inside returns the sheet of the blocks in a container.
func (s *sheet) inside(container glamour.StyleBlock) *sheet {
	if container.StylePrimitive == (glamour.StylePrimitive{}) {
		return s
	}
	config := s.config
	config.Document = cascade(config.Document, container)
	return newSheet(config)
}

// cascade returns the style of a block inside others, outermost first. Prefixes and
// suffixes of the first do not apply.
func cascade(outer glamour.StyleBlock, blocks ...glamour.StyleBlock) glamour.StyleBlock {
	var s glamour.StyleBlock
	outer.Prefix, outer.Suffix, outer.BlockPrefix, outer.BlockSuffix, outer.Format = "", "", "", "", ""
	for _, block := range append([]glamour.StyleBlock{outer}, blocks...) {
		// Settings that are absent from the JSON stay as they are.
		if data, err := json.Marshal(block.StylePrimitive); err == nil {
			_ = json.Unmarshal(data, &s.StylePrimitive)
		}
	}
	return s
}
