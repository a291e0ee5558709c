package markdown

import (
	"regexp"
	"unicode"

	"github.com/yuin/goldmark/ast"
	gfm "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// A delimiterParser parses spans between runs of one character: emphasis and
// strikethrough. It differs from goldmark's parsers, and from GitHub, in two ways. One
// tilde is text, because it often means a range or "about". And CJK characters around a
// run are like spaces: Chinese and Japanese have none, and quotation marks and brackets
// are usual at the ends of emphasis.
type delimiterParser struct {
	characters string
	node       func(length int) ast.Node
}

var (
	emphasis      = &delimiterParser{"*_", func(n int) ast.Node { return ast.NewEmphasis(n) }}
	strikethrough = &delimiterParser{"~", func(int) ast.Node { return gfm.NewStrikethrough() }}
)

func (p *delimiterParser) Trigger() []byte { return []byte(p.characters) }

func (p *delimiterParser) IsDelimiter(c byte) bool {
	return c == p.characters[0] || c == p.characters[len(p.characters)-1]
}

func (*delimiterParser) CanOpenCloser(opener, closer *parser.Delimiter) bool {
	return opener.Char == closer.Char
}

func (p *delimiterParser) OnMatch(length int) ast.Node { return p.node(length) }

func (p *delimiterParser) Parse(_ ast.Node, block text.Reader, pc parser.Context) ast.Node {
	before := block.PrecendingCharacter()
	line, segment := block.PeekLine()
	d := parser.ScanDelimiter(line, before, 1, p)
	if d == nil || d.Char == '~' && (d.OriginalLength != 2 || before == '~') {
		return nil
	}
	if d.Char != '_' && d.OriginalLength < len(line) {
		after := util.ToRune(line, d.OriginalLength)
		d.CanOpen = d.CanOpen || isCJK(before) && !util.IsSpaceRune(after) || isCJK(after)
		d.CanClose = d.CanClose || isCJK(after) && !util.IsSpaceRune(before) || isCJK(before)
	}
	d.Segment = segment.WithStop(segment.Start + d.OriginalLength)
	block.Advance(d.OriginalLength)
	pc.PushDelimiter(d)
	return d
}

// isCJK reports whether r is a letter or a punctuation mark of Chinese, Japanese or
// Korean.
func isCJK(r rune) bool {
	wide := util.IsEastAsianWideRune(r) && !unicode.In(r, unicode.So, unicode.Space) || r >= '｡' && r <= '･' // half-width marks
	return wide || unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo)
}

// lineBreaks parses <br> in a table's cell, where Markdown has no other line break.
// Elsewhere it is text, as all HTML is.
type lineBreaks struct{}

func (lineBreaks) Trigger() []byte { return []byte{'<'} }

func (lineBreaks) Parse(parent ast.Node, block text.Reader, _ parser.Context) ast.Node {
	if parent.Kind() != gfm.KindTableCell {
		return nil
	}
	line, segment := block.PeekLine()
	n := len(lineBreak.Find(line))
	if n == 0 {
		return nil
	}
	block.Advance(n)
	t := ast.NewTextSegment(segment.WithStop(segment.Start))
	t.SetHardLineBreak(true)
	return t
}

// lineBreak matches a <br> and the spaces after it.
var lineBreak = regexp.MustCompile(`^(?i)<br[ \t]*/?>[ \t]*`)
