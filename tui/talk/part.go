package talk

import (
	"strings"

	"github.com/bise-sh/bise/render/markdown"
	"github.com/bise-sh/bise/tui/kit"
)

// A part is a section of a turn that is drawn by itself: a paragraph, code, a status line. It
// keeps what it drew for one width and theme.
type part struct {
	draw   func(t *kit.Theme, width int) []string
	block  string     // its Markdown, if it has one
	joined bool       // no empty line before it
	code   *codeBlock // for copying; only on the first part of the code

	lines []string
	width int
	theme *kit.Theme
}

// codeBlock is a block of code, for copying.
type codeBlock struct {
	language string
	source   strings.Builder
}

// rows returns the part's lines, after an empty one unless it is joined.
func (p *part) rows(t *kit.Theme, width int) []string {
	if p.theme == t && p.width == width {
		return p.lines
	}
	p.lines = p.lines[:0:0]
	if !p.joined {
		p.lines = append(p.lines, "")
	}
	for _, line := range p.draw(t, width) {
		p.lines = append(p.lines, kit.WrapStyled(line, width)...)
	}
	p.theme, p.width = t, width
	return p.lines
}

// newPart returns a part that draw draws for each width.
func newPart(draw func(t *kit.Theme, width int) []string) *part { return &part{draw: draw} }

// A markdownParts is an answer's Markdown as parts, while it grows. Each finished block
// becomes a part that never changes; only the growing one is drawn again.
type markdownParts struct {
	blocks markdown.Blocks
	parts  []*part
	code   *codeBlock // the block that was cut; nil: none
}

const (
	// A longer growing block is cut, so that drawing it stays cheap: highlighting takes a
	// microsecond a byte.
	longestBlock = 3000
	// pieceBytes is how much of an existing text is added at once; it limits how much longer a
	// block gets.
	pieceBytes = 1000
)

// add appends to the text.
func (a *markdownParts) add(text string) {
	for len(text) > 0 {
		piece := text[:min(len(text), pieceBytes)]
		text = text[len(piece):]
		for _, block := range a.blocks.Add(piece) {
			a.finish(block, false)
		}
		if len(a.blocks.Growing()) > longestBlock {
			if block, ok := a.blocks.Cut(); ok {
				a.finish(block, true)
			}
		}
	}
}

// end finishes the growing block.
func (a *markdownParts) end() {
	for _, block := range a.blocks.Rest() {
		a.finish(block, false)
	}
}

// finish adds a block as a part. cut means that the block continues in the next one.
func (a *markdownParts) finish(block string, cut bool) {
	p := markdownPart(block)
	language, source, isCode := markdown.Code(block)
	switch {
	case isCode && a.code != nil:
		p.joined = true
		a.code.source.WriteString("\n" + source)
	case isCode:
		p.code = &codeBlock{language: language}
		p.code.source.WriteString(source)
		a.code = p.code
	case strings.TrimSpace(block) == "":
		return
	}
	if !cut || !isCode {
		a.code = nil
	}
	a.parts = append(a.parts, p)
}

// growing returns the growing block as a part, or nil.
func (a *markdownParts) growing() *part {
	text := a.blocks.Growing()
	if strings.TrimSpace(text) == "" {
		return nil
	}
	p := markdownPart(text)
	p.joined = a.code != nil
	return p
}

// markdownPart returns a part that draws Markdown.
func markdownPart(block string) *part {
	return &part{block: block, draw: func(t *kit.Theme, width int) []string {
		return strings.Split(t.Markdown.Block(block, width), "\n")
	}}
}
