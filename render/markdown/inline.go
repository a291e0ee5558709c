package markdown

import (
	"html"
	"net/url"
	"strings"

	"github.com/yuin/goldmark/ast"

	"github.com/bise-sh/bise/render/term"
)

// longestTarget is the longest URL of a link, in bytes: some terminals accept no
// longer ones.
const longestTarget = 2000

// target returns the index of a link's target in d.targets, -1 when a click must open
// nothing: a model's answer opens no files and starts no programs.
func (d *drawing) target(link string) int {
	if !d.Links || len(link) > longestTarget {
		return -1
	}
	u, err := url.Parse(link)
	if err != nil {
		return -1
	}
	switch u.Scheme {
	case "http", "https", "mailto":
	default:
		return -1
	}
	to := u.String()
	for _, c := range []byte(to) {
		if c <= ' ' || c > '~' {
			return -1
		}
	}
	d.targets = append(d.targets, to)
	return len(d.targets) - 1
}

// raw returns the text in a node as it is written.
func (d *drawing) raw(n ast.Node) string {
	var b strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if t, ok := c.(*ast.Text); ok {
			b.WriteString(strings.ReplaceAll(string(t.Value(d.source)), "\n", " "))
		}
	}
	return visible(b.String())
}

// literal resolves the escapes and entities of a Markdown text. The escapes \( \) \[ \]
// stay, because models delimit mathematics with them.
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

// spaces replaces newlines and tabs.
var spaces = strings.NewReplacer("\n", " ", "\t", " ", backslash, "\ufffd")

// visible removes control characters, which entities can stand for.
func visible(s string) string { return spaces.Replace(term.Clean(s)) }
