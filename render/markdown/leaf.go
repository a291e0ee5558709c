package markdown

import (
	"bytes"
	"fmt"
	"strings"

	glamour "charm.land/glamour/v2/ansi"
	xansi "github.com/charmbracelet/x/ansi"
	"github.com/yuin/goldmark/ast"
	gfm "github.com/yuin/goldmark/extension/ast"

	"github.com/bise-sh/bise/render/latex"
	"github.com/bise-sh/bise/render/term"
)

// A leaf is a block of text: a heading, a paragraph, a cell of a table. Elements of
// Glamour draw it. We make them from the tree, because the renderer of Glamour drops what
// looks like HTML, makes any address a link and forgets the emphasis around code.
type leaf struct {
	*drawing
	elements []glamour.ElementRenderer
}

// A look is what surrounds a text.
type look struct {
	strong, emph, struck bool
	link                 bool
	target               int // of the link in drawing.targets; -1: none
}

var plain = look{target: -1}

// text draws the inline nodes in lines of at most width columns; 0: in one line.
func (d *drawing) text(style glamour.StyleBlock, width int, inlines ...ast.Node) []string {
	l := &leaf{drawing: d}
	for _, n := range inlines {
		l.inline(n, plain)
	}
	return l.draw(style, width)
}

// draw draws the elements as one block.
func (l *leaf) draw(style glamour.StyleBlock, width int) []string {
	wrap := func(s string, width int) string { return xansi.Wrap(s, width, "") }
	if l.Marks && width > 0 {
		wrap = term.WrapMarked
	}
	return l.lines(wrap(l.write(style), width))
}

// write returns the elements as Glamour writes them.
func (l *leaf) write(style glamour.StyleBlock) string {
	if len(l.elements) == 0 {
		return ""
	}
	var b bytes.Buffer
	block := &glamour.BlockElement{Block: &bytes.Buffer{}, Style: style}
	l.render(&b, block)
	for _, e := range l.elements {
		l.render(block.Block, e)
	}
	b.Write(block.Block.Bytes())
	_ = block.Finish(&b, l.context) // a buffer takes everything
	return b.String()
}

// render has Glamour write an element. The only errors are those of a style's
// templates, which [LoadStyle] has checked.
func (d *drawing) render(b *bytes.Buffer, e glamour.ElementRenderer) {
	_ = e.Render(b, d.context)
}

// element returns one element as Glamour writes it.
func (d *drawing) element(e glamour.ElementRenderer) string {
	var b bytes.Buffer
	d.render(&b, e)
	return b.String()
}

func (l *leaf) children(n ast.Node, s look) {
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		l.inline(c, s)
	}
}

// inline adds an inline node.
func (l *leaf) inline(n ast.Node, s look) {
	switch n := n.(type) {
	case *ast.Text:
		l.add(literal(string(n.Value(l.source))), s)
		switch {
		case n.HardLineBreak():
			l.add("\n", plain)
		case n.SoftLineBreak():
			l.add(" ", plain)
		}
	case *ast.String:
		l.add(literal(string(n.Value)), s)
	case *mathSpan:
		if line, err := latex.Inline(n.source); err == nil && !l.Source {
			l.add(line, s)
		} else {
			l.code(n.written, s)
		}
	case *ast.CodeSpan:
		l.code(l.raw(n), s)
	case *ast.Emphasis:
		s.strong = s.strong || n.Level == 2
		s.emph = s.emph || n.Level == 1
		l.children(n, s)
	case *gfm.Strikethrough:
		s.struck = true
		l.children(n, s)
	case *gfm.TaskCheckBox:
		l.add(l.element(&glamour.TaskElement{Checked: n.IsChecked}), s)
	case *ast.AutoLink:
		s.link, s.target = true, l.target(string(n.URL(l.source)))
		l.add(literal(string(n.Label(l.source))), s)
	case *ast.Link:
		to, label := string(n.Destination), s
		label.link, label.target = true, l.target(to)
		l.children(n, label)
		l.address(l.plain(n), to, l.config.Link, s)
	case *ast.Image:
		to, label := string(n.Destination), s
		label.target = l.target(to)
		alt := l.plain(n)
		if alt == "" {
			alt = literal(to)
		}
		l.add(l.element(&glamour.BaseElement{Token: protect(alt), Style: l.config.ImageText}), label)
		l.address(alt, to, l.config.Image, s)
	default:
		l.children(n, s)
	}
}

// add adds a text. Its emphasis is nested in the one order that Glamour can draw.
func (l *leaf) add(s string, as look) {
	if len(l.elements) == 0 {
		s = strings.TrimLeft(s, " ")
	}
	if s == "" {
		return
	}
	s = protect(s)
	if as.target >= 0 {
		// The index stands for the URL, which a style in capitals would change.
		s = fmt.Sprintf("\x1b]8;;%d\a%s\x1b]8;;\a", as.target, s)
	}
	style := l.config.Text
	if as.struck {
		style = l.config.Strikethrough
	}
	var e glamour.ElementRenderer = &glamour.BaseElement{Token: s, Style: style}
	if as.strong {
		e = &glamour.EmphasisElement{Level: 2, Children: []glamour.ElementRenderer{e}}
	}
	if as.emph {
		e = &glamour.EmphasisElement{Level: 1, Children: []glamour.ElementRenderer{e}}
	}
	if as.link {
		e = &glamour.LinkElement{URL: "#", Children: []glamour.ElementRenderer{e}} // nothing to open
	}
	l.elements = append(l.elements, e)
}

// code adds code. It is drawn already, so that the emphasis around it adds to it.
func (l *leaf) code(s string, as look) {
	l.add(l.element(&glamour.CodeSpanElement{Text: protect(visible(s)), Style: l.config.Code.StylePrimitive}), as)
}

// address adds the URL of a link, unless its label contains it.
func (l *leaf) address(label, to string, style glamour.StylePrimitive, as look) {
	if to = literal(to); !strings.Contains(label, to) {
		l.add(l.element(&glamour.BaseElement{Token: protect(to), Prefix: " ", Style: style}), as)
	}
}

// plain returns the text of a node without its looks.
func (d *drawing) plain(n ast.Node) string {
	l := &leaf{drawing: d}
	l.children(n, plain)
	var b bytes.Buffer
	for _, e := range l.elements {
		d.render(&b, e)
	}
	return unprotect(xansi.Strip(b.String()))
}
