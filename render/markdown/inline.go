package markdown

import (
	"html"
	"net/url"
	"strings"

	xansi "github.com/charmbracelet/x/ansi"
	"github.com/yuin/goldmark/ast"
	gfm "github.com/yuin/goldmark/extension/ast"

	"github.com/bise-sh/bise/render/term"
)

// inline draws the text in a node, which looks like s where nothing else is
// said. Hard line breaks are newlines.
func (d *drawing) inline(n ast.Node, s style) string {
	var b strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		d.span(&b, c, s)
	}
	return b.String()
}

func (d *drawing) span(b *strings.Builder, n ast.Node, s style) {
	switch n := n.(type) {
	case *ast.Text:
		b.WriteString(s.on(literal(string(n.Value(d.source)))))
		switch {
		case n.HardLineBreak():
			b.WriteByte('\n')
		case n.SoftLineBreak():
			b.WriteByte(' ')
		}
	case *ast.String:
		b.WriteString(s.on(literal(string(n.Value))))
	case *mathSpan:
		b.WriteString(d.formula(n, s))
	case *ast.CodeSpan:
		s.colour = d.Accent
		b.WriteString(s.on(d.raw(n)))
	case *ast.Emphasis:
		if n.Level == 2 {
			s.bold = true
		} else {
			s.italic = true
		}
		b.WriteString(d.inline(n, s))
	case *gfm.Strikethrough:
		s.struck = true
		b.WriteString(d.inline(n, s))
	case *gfm.TaskCheckBox:
		if n.IsChecked {
			b.WriteString("[✓] ")
		} else {
			b.WriteString("[ ] ")
		}
	case *ast.AutoLink:
		s.underline, s.link = true, d.target(string(n.URL(d.source)))
		b.WriteString(s.on(literal(string(n.Label(d.source)))))
	case *ast.Link:
		label := s
		label.underline, label.link = true, d.target(string(n.Destination))
		d.link(b, d.inline(n, label), string(n.Destination), s)
	case *ast.Image:
		b.WriteString(s.on("Picture: "))
		label := s
		label.link = d.target(string(n.Destination))
		d.link(b, d.inline(n, label), string(n.Destination), s)
	default:
		b.WriteString(d.inline(n, s))
	}
}

// longestTarget is how long an address may be, in bytes; some terminals take no
// more.
const longestTarget = 2000

// target is what a click on a link to an address opens, "" when nothing: a
// model's words open no files and start no programs. It is plain ASCII.
func (d *drawing) target(address string) string {
	if !d.Links || len(address) > longestTarget {
		return ""
	}
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	switch u.Scheme {
	case "http", "https", "mailto":
	default:
		return ""
	}
	to := u.String()
	for _, c := range []byte(to) {
		if c <= ' ' || c > '~' {
			return ""
		}
	}
	return to
}

// link writes a link's text and, where it is another, its destination.
func (d *drawing) link(b *strings.Builder, label, to string, s style) {
	b.WriteString(label)
	to = literal(to)
	if strings.Contains(xansi.Strip(label), to) {
		return
	}
	s.colour = d.Muted
	b.WriteString(s.on(" (" + to + ")"))
}

// raw is the text in a node as it was written.
func (d *drawing) raw(n ast.Node) string {
	var b strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if t, ok := c.(*ast.Text); ok {
			b.WriteString(strings.ReplaceAll(string(t.Value(d.source)), "\n", " "))
		}
	}
	return visible(b.String())
}

// literal is what a text of Markdown stands for: escapes and entities are
// resolved. The escapes \( \) \[ \] stay, since models mark mathematics so.
func literal(s string) string {
	if !strings.ContainsAny(s, `\&`) {
		return visible(s)
	}
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 || i == len(s)-1 {
			b.WriteString(html.UnescapeString(s))
			return visible(b.String())
		}
		b.WriteString(html.UnescapeString(s[:i]))
		next := s[i+1]
		if !punctuation(next) || strings.IndexByte("()[]", next) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(next)
		s = s[i+2:]
	}
}

// punctuation reports whether a backslash before c escapes it (CommonMark 2.4).
func punctuation(c byte) bool {
	return c >= '!' && c <= '/' || c >= ':' && c <= '@' || c >= '[' && c <= '`' || c >= '{' && c <= '~'
}

// visible keeps a text to itself: entities can stand for control characters, and
// newlines and tabs are spaces here.
func visible(s string) string {
	return strings.NewReplacer("\n", " ", "\t", " ").Replace(term.Clean(s))
}
