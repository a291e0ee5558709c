package markdown

import (
	"image/color"
	"strings"

	glamour "charm.land/glamour/v2/ansi"
	xansi "github.com/charmbracelet/x/ansi"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	gfm "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

const (
	// widest is the most columns of text: longer lines are hard to read.
	widest = 100
	// narrowest is the fewest columns of text; the terminal wraps what is wider.
	narrowest = 10
	// deepest is how many containers are indented inside each other.
	deepest = 24
)

// markdown parses CommonMark with tables, strikethrough, task lists and mathematics.
// HTML is text: in an answer it is more often a type parameter than a tag, and a
// terminal cannot show tags.
var markdown = parser.NewParser(
	parser.WithBlockParsers(
		util.Prioritized(parser.NewSetextHeadingParser(), 100),
		util.Prioritized(parser.NewThematicBreakParser(), 200),
		util.Prioritized(parser.NewListParser(), 300),
		util.Prioritized(parser.NewListItemParser(), 400),
		util.Prioritized(parser.NewCodeBlockParser(), 500),
		util.Prioritized(parser.NewATXHeadingParser(), 600),
		util.Prioritized(mathBlocks{}, 690),
		util.Prioritized(parser.NewFencedCodeBlockParser(), 700),
		util.Prioritized(parser.NewBlockquoteParser(), 800),
		util.Prioritized(parser.NewParagraphParser(), 1000),
	),
	parser.WithInlineParsers(
		util.Prioritized(mathSpans{}, 50),
		util.Prioritized(parser.NewCodeSpanParser(), 100),
		util.Prioritized(parser.NewLinkParser(), 200),
		util.Prioritized(parser.NewAutoLinkParser(), 300),
		util.Prioritized(lineBreaks{}, 250),
		util.Prioritized(emphasis, 500),
		util.Prioritized(strikethrough, 500),
		util.Prioritized(extension.NewTaskCheckBoxParser(), 0),
	),
	parser.WithParagraphTransformers(
		util.Prioritized(extension.NewTableParagraphTransformer(), 200),
	),
	parser.WithASTTransformers(
		util.Prioritized(extension.NewTableASTTransformer(), 0),
	),
)

// A Renderer draws blocks. It belongs to one goroutine.
type Renderer struct {
	Style *Style
	// Links makes links clickable in terminals that know OSC 8. Only web and mail URLs
	// are.
	Links bool

	readable map[color.RGBA]color.RGBA // cache of legible
	// Source shows mathematics as it is written.
	Source bool
	// Marks marks the rows of paragraphs that continue in the next row, see
	// [term.WrapMarked].
	Marks bool
}

// NewRenderer returns a renderer for a style.
func NewRenderer(s *Style) *Renderer { return &Renderer{Style: s} }

// Block draws one or several blocks in the given columns, without a newline at the
// end. Text is at most 100 columns wide; lines of code keep their width, so that they
// can be copied. The result has only the control sequences of the style and of links,
// whatever the text has.
func (r *Renderer) Block(block string, columns int) string {
	d := drawing{Renderer: r, source: []byte(block)}
	d.set(r.Style.sheet)
	root := markdown.Parse(text.NewReader(d.source))
	lines := d.blocks(root, max(narrowest, min(widest, columns)), true)
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n")
}

// A drawing draws the syntax tree of one text.
type drawing struct {
	*Renderer
	source  []byte
	depth   int
	targets []string // what links open
	*sheet           // of the block that is drawn
	context glamour.RenderContext
}

func (d *drawing) set(s *sheet) {
	d.sheet, d.context = s, glamour.NewRenderContext(glamour.Options{Styles: s.config, InlineTableLinks: true})
}

// inside draws the blocks in a container, in the container's style.
func (d *drawing) inside(container glamour.StyleBlock, draw func() []string) []string {
	around := d.sheet
	if inner := around.inside(container); inner != around {
		d.set(inner)
		defer d.set(around)
	}
	return draw()
}

// blocks draws a node's children one below the other, separated by empty lines if loose
// is set.
func (d *drawing) blocks(n ast.Node, width int, loose bool) []string {
	d.depth++
	defer func() { d.depth-- }()
	if d.depth > deepest {
		width = narrowest
	}
	var lines []string
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		drawn := d.block(c, max(narrowest, width))
		if len(drawn) == 0 {
			continue
		}
		if len(lines) > 0 && loose {
			lines = append(lines, "")
		}
		lines = append(lines, drawn...)
	}
	return lines
}

func (d *drawing) block(n ast.Node, width int) []string {
	switch n := n.(type) {
	case *ast.Heading:
		l := &leaf{drawing: d}
		l.children(n, plain)
		return l.draw(d.headings[n.Level-1], width)
	case *ast.FencedCodeBlock:
		if string(n.Language(d.source)) == "math" {
			source := string(n.Lines().Value(d.source))
			return d.math(source, source, width)
		}
		return d.code(n, string(n.Language(d.source)))
	case *ast.CodeBlock:
		return d.code(n, "")
	case *ast.Blockquote:
		bar := "│ "
		if token := d.config.BlockQuote.IndentToken; token != nil {
			bar = *token
		}
		lines := d.inside(d.config.BlockQuote, func() []string { return d.blocks(n, width-xansi.StringWidth(bar), true) })
		return indent(lines, bar, bar)
	case *ast.List:
		return d.inside(d.config.List.StyleBlock, func() []string { return d.list(n, width) })
	case *ast.ThematicBreak:
		return d.lines(d.element(&glamour.BaseElement{Style: d.config.HorizontalRule}))
	case *gfm.Table:
		return d.table(n, width)
	case *mathBlock:
		return d.mathBlock(n, width)
	case *ast.Paragraph, *ast.TextBlock:
		return d.paragraph(n, width)
	}
	return d.blocks(n, width, true)
}

// list draws a list, with room for its longest number.
func (d *drawing) list(n *ast.List, width int) []string {
	mark := func(i int) string {
		item := d.element(&glamour.ItemElement{IsOrdered: n.IsOrdered(), Enumeration: uint(n.Start + i)})
		const end = "." // keeps the blanks before it
		return strings.TrimSuffix(strings.Join(d.lines(item+end), ""), end)
	}
	room := xansi.StringWidth(mark(n.ChildCount() - 1))
	var lines []string
	i := 0
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if i > 0 && !n.IsTight {
			lines = append(lines, "")
		}
		item := d.blocks(c, width-room, !n.IsTight)
		if len(item) == 0 {
			item = []string{""}
		}
		number := mark(i)
		number = strings.Repeat(" ", max(0, room-xansi.StringWidth(number))) + number
		lines = append(lines, indent(item, number, strings.Repeat(" ", room))...)
		i++
	}
	return lines
}

// indentation returns the columns before the lines of a block.
func indentation(s glamour.StyleBlock) int {
	n := uint(0)
	for _, part := range []*uint{s.Indent, s.Margin} {
		if part != nil {
			n += *part
		}
	}
	return int(n)
}

// indent puts first before the first line and rest before the others.
func indent(lines []string, first, rest string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = rest + line
		if i == 0 {
			out[i] = first + line
		}
	}
	return out
}
