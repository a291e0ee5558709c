package markdown

import (
	"fmt"
	"image/color"
	"strings"

	xansi "github.com/charmbracelet/x/ansi"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	gfm "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

const (
	// widest is the most columns that text takes, for the eye's sake.
	widest = 100
	// narrowest is the fewest; what does not fit them is wrapped by the terminal.
	narrowest = 10
	// deepest is how far lists and quotes are indented into one another.
	deepest = 24
)

// markdown reads CommonMark with tables, strikethrough, task lists and mathematics. What
// looks like HTML is text: in an answer it is a type parameter more often than a
// tag, and a terminal has no use for tags.
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
		util.Prioritized(parser.NewEmphasisParser(), 500),
		util.Prioritized(extension.NewStrikethroughParser(), 500),
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
	Theme
	// Links makes what is linked something to click on, in terminals that know
	// OSC 8. Only addresses of the web and of mail become so.
	Links bool

	readable map[color.RGBA]color.RGBA // what legible gave
	// Source shows mathematics as it was written.
	Source bool
}

// NewRenderer draws in a theme's colours.
func NewRenderer(t Theme) *Renderer { return &Renderer{Theme: t} }

// Block draws one block, or several, in so many columns, with SGR sequences of
// 24-bit colour and without a newline at the end. Text is at most 100 columns
// wide; code is as wide as it is, so that it can be copied. The result has no
// control character that is not ours, whatever the text has.
func (r *Renderer) Block(block string, columns int) string {
	d := drawing{Renderer: r, source: []byte(block)}
	root := markdown.Parse(text.NewReader(d.source))
	lines := d.blocks(root, max(narrowest, min(widest, columns)), true)
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n")
}

// A drawing turns the tree of a text into lines.
type drawing struct {
	*Renderer
	source []byte
	depth  int
}

// blocks draws a node's children one below the other, apart by an empty line if
// they are loose.
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
		return wrap(d.inline(n, style{bold: true, colour: d.Accent}), width)
	case *ast.FencedCodeBlock:
		if string(n.Language(d.source)) == "math" {
			source := string(n.Lines().Value(d.source))
			return d.math(source, source, width)
		}
		return indent(d.code(n, string(n.Language(d.source))), "  ", "  ")
	case *ast.CodeBlock:
		return indent(d.code(n, ""), "  ", "  ")
	case *ast.Blockquote:
		bar := style{colour: d.Muted}.on("│ ")
		return indent(d.blocks(n, width-2, true), bar, bar)
	case *ast.List:
		return d.list(n, width)
	case *ast.ThematicBreak:
		return []string{style{colour: d.Muted}.on(strings.Repeat("─", min(8, width)))}
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
	mark := func(i int) string { return "• " }
	room := 2
	if n.IsOrdered() {
		room = len(fmt.Sprint(n.Start+n.ChildCount()-1)) + 2
		mark = func(i int) string { return fmt.Sprintf("%*d. ", room-2, n.Start+i) }
	}
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
		lines = append(lines, indent(item, mark(i), strings.Repeat(" ", room))...)
		i++
	}
	return lines
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

// wrap breaks styled text into lines of at most so many columns. Each line has
// its style and its link whole, so that it can be indented.
func wrap(s string, width int) []string {
	var lines []string
	style, link := "", ""
	for _, line := range strings.Split(xansi.Wrap(s, width, ""), "\n") {
		line = link + style + strings.Trim(line, " ")
		style, link = "", ""
		if i := strings.LastIndex(line, "\x1b["); i >= 0 && !strings.HasPrefix(line[i:], reset) {
			style = line[i : i+strings.IndexByte(line[i:], 'm')+1]
			line += reset
		}
		if i := strings.LastIndex(line, linkTo); i >= 0 && !strings.HasPrefix(line[i+len(linkTo):], stringEnd) {
			link = line[i : i+strings.Index(line[i:], stringEnd)+len(stringEnd)]
			line += linkTo + stringEnd
		}
		lines = append(lines, line)
	}
	return lines
}
