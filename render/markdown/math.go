package markdown

import (
	"bytes"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	"github.com/bise-sh/bise/render/latex"
	"github.com/bise-sh/bise/tex"
)

// Models write mathematics between $ and $, $$ and $$, \( and \), \[ and \], and in code
// of the language "math". Pandoc and GitHub read it in the same way.

// mathClosers are the delimiters of mathematics.
var mathClosers = []struct {
	open, close string
	display     bool
}{{"$$", "$$", true}, {`\[`, `\]`, true}, {`\(`, `\)`, false}, {"$", "$", false}}

// longestMath is the longest formula, in bytes.
const longestMath = 16 << 10

var (
	kindMath        = ast.NewNodeKind("Math")
	kindMathDisplay = ast.NewNodeKind("MathDisplay")
)

// mathSpan is a formula within a paragraph. A display formula has its own lines.
type mathSpan struct {
	ast.BaseInline
	source  string // between the delimiters
	written string // with them
	display bool
}

func (*mathSpan) Kind() ast.NodeKind { return kindMath }

func (m *mathSpan) Dump(source []byte, level int) { ast.DumpHelper(m, source, level, nil, nil) }

// mathBlock is a formula that fills its lines.
type mathBlock struct {
	ast.BaseBlock
	close string
	ended bool
}

func (*mathBlock) Kind() ast.NodeKind { return kindMathDisplay }

func (m *mathBlock) Dump(source []byte, level int) { ast.DumpHelper(m, source, level, nil, nil) }

func (*mathBlock) IsRaw() bool { return true }

// mathSpans parses formulas within a paragraph.
type mathSpans struct{}

func (mathSpans) Trigger() []byte { return []byte{'$', '\\'} }

func (mathSpans) Parse(_ ast.Node, block text.Reader, _ parser.Context) ast.Node {
	line, at := block.Position()
	rest := remainder(block)
	block.SetPosition(line, at)
	if n := boxed(rest); n > 0 {
		advance(block, n)
		return &mathSpan{source: string(rest[:n]), written: string(rest[:n])}
	}
	for _, m := range mathClosers {
		if !bytes.HasPrefix(rest, []byte(m.open)) {
			continue
		}
		end := bytes.Index(rest[len(m.open):], []byte(m.close))
		if end < 0 {
			return nil
		}
		source := string(rest[len(m.open) : len(m.open)+end])
		written := len(m.open) + end + len(m.close)
		if strings.TrimSpace(source) == "" || m.open == "$" && !dollars(source, rest[written:]) {
			return nil
		}
		advance(block, written)
		return &mathSpan{source: source, written: string(rest[:written]), display: m.display}
	}
	return nil
}

// boxed returns the length of the \boxed{…} that a text begins with, 0 without one:
// models put it around a final answer without any other mark.
func boxed(text []byte) int {
	const command = `\boxed{`
	if !bytes.HasPrefix(text, []byte(command)) {
		return 0
	}
	body, _, ok := tex.Group(string(text[len(command):]))
	if !ok {
		return 0
	}
	return len(command) + len(body) + 1
}

// dollars reports whether the text between two single dollars is a formula, not an
// amount of money and the text up to the next one: no white space at its ends, no
// letter or digit after it, and valid LaTeX.
func dollars(source string, after []byte) bool {
	first, _ := utf8.DecodeRuneInString(source)
	last, _ := utf8.DecodeLastRuneInString(source)
	next, _ := utf8.DecodeRune(after)
	if unicode.IsSpace(first) || unicode.IsSpace(last) || last == '\\' || unicode.IsLetter(next) || unicode.IsDigit(next) {
		return false
	}
	if words.MatchString(source) && strings.ContainsFunc(source, unicode.IsSpace) {
		return false // $HOME and PATH=$
	}
	_, err := latex.Inline(source)
	return err == nil
}

// words matches a word that is neither a command nor the beginning of an argument.
var words = regexp.MustCompile(`(^|[^\\{a-zA-Z])[a-zA-Z]{4,}`)

// remainder returns the rest of the paragraph, up to longestMath.
func remainder(block text.Reader) []byte {
	var rest []byte
	for len(rest) < longestMath {
		line, _ := block.PeekLine()
		if line == nil {
			break
		}
		rest = append(rest, line...)
		block.AdvanceLine()
	}
	return rest
}

// advance skips n bytes, which may be several lines.
func advance(block text.Reader, n int) {
	for n > 0 {
		line, _ := block.PeekLine()
		if line == nil {
			return
		}
		if n < len(line) {
			block.Advance(n)
			return
		}
		n -= len(line)
		block.AdvanceLine()
	}
}

// mathBlocks parses formulas that begin and end at the ends of lines. No list or
// heading begins within one, whatever its lines begin with.
type mathBlocks struct{}

func (mathBlocks) Trigger() []byte { return []byte{'$', '\\'} }

func (mathBlocks) Open(_ ast.Node, reader text.Reader, pc parser.Context) (ast.Node, parser.State) {
	line, segment := reader.PeekLine()
	body := strings.TrimSpace(string(line))
	closer := displayCloser(body)
	if closer == "" || pc.BlockOffset() < 0 {
		return nil, parser.NoChildren
	}
	m := &mathBlock{close: closer}
	from := pc.BlockOffset() + 2
	if !fillsLine(body, closer) {
		return nil, parser.NoChildren // text goes on after it: a paragraph
	}
	m.ended = strings.Contains(body[2:], closer)
	m.Lines().Append(text.NewSegment(segment.Start+from, segment.Stop))
	reader.Advance(segment.Len() - util.TrimRightSpaceLength(line))
	return m, parser.NoChildren
}

func (mathBlocks) Continue(n ast.Node, reader text.Reader, _ parser.Context) parser.State {
	m := n.(*mathBlock)
	line, segment := reader.PeekLine()
	if m.ended || len(bytes.TrimSpace(line)) == 0 {
		return parser.Close
	}
	if endsMath(string(line), m.close) {
		m.ended = true
	}
	m.Lines().Append(segment)
	reader.Advance(segment.Len() - util.TrimRightSpaceLength(line))
	return parser.Continue | parser.NoChildren
}

func (mathBlocks) Close(ast.Node, text.Reader, parser.Context) {}

func (mathBlocks) CanInterruptParagraph() bool { return true }

func (mathBlocks) CanAcceptIndentedLine() bool { return false }

// displayCloser returns what closes the display formula that a line begins with, ""
// for none.
func displayCloser(body string) string {
	switch {
	case strings.HasPrefix(body, "$$"):
		return "$$"
	case strings.HasPrefix(body, `\[`):
		return `\]`
	}
	return ""
}

// endsMath reports whether a line ends a formula.
func endsMath(line, closer string) bool {
	i := strings.Index(line, closer)
	return i >= 0 && endsSentence(line[i+len(closer):])
}

// endsSentence reports whether the rest is only the end of a sentence.
func endsSentence(rest string) bool { return strings.Trim(rest, " \t\r\n.,;:") == "" }

// math draws a formula in its own lines, or returns it as it is written.
func (d *drawing) math(source, written string, width int) []string {
	if !d.Source {
		if f, err := latex.Draw(source, width-4); err == nil {
			lines := make([]string, len(f.Lines))
			for i, l := range f.Lines {
				lines[i] = "  " + l
			}
			return lines
		}
	}
	var lines []string
	for written := range strings.Lines(written) {
		l := &leaf{drawing: d}
		l.code(strings.TrimRight(written, "\r\n"), plain)
		lines = append(lines, l.draw(d.sheet.paragraph, width)...)
	}
	return lines
}

// mathBlock draws a formula that fills its lines.
func (d *drawing) mathBlock(n *mathBlock, width int) []string {
	var s strings.Builder
	for i := range n.Lines().Len() {
		line := n.Lines().At(i)
		s.Write(line.Value(d.source))
	}
	written := n.opener() + s.String()
	source, after, ok := strings.Cut(s.String(), n.close)
	if !ok {
		return d.math(`\`, written, width) // without an end it is not a formula
	}
	if after = strings.TrimSpace(after); after != "" {
		source += `\text{` + after + "}"
	}
	return d.math(source, written, width)
}

func (m *mathBlock) opener() string {
	if m.close == `\]` {
		return `\[`
	}
	return m.close
}

// paragraph draws a paragraph, whose display formulas have separate lines.
func (d *drawing) paragraph(n ast.Node, width int) []string {
	var lines []string
	var inlines []ast.Node
	add := func(drawn []string) {
		if len(lines) > 0 && len(drawn) > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, drawn...)
	}
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		m, ok := c.(*mathSpan)
		if !ok || !m.display && (c.PreviousSibling() != nil || c.NextSibling() != nil) {
			inlines = append(inlines, c)
			continue
		}
		add(d.text(d.sheet.paragraph, width, inlines...))
		inlines = nil
		add(d.math(m.source, m.written, width))
	}
	add(d.text(d.sheet.paragraph, width, inlines...))
	return lines
}
