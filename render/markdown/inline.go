package markdown

import (
	"html"
	"net/url"
	"strings"

	"github.com/yuin/goldmark/ast"

	"github.com/bise-sh/bise/render/term"
)

// longestTarget is how long an address may be, in bytes; some terminals take no
// more.
const longestTarget = 2000

// target returns the number of the target that a click on a link opens, -1 when it
// opens none: a model's answer opens no files and starts no programs.
func (d *drawing) target(address string) int {
	if !d.Links || len(address) > longestTarget {
		return -1
	}
	u, err := url.Parse(address)
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

// spaces replaces newlines and tabs.
var spaces = strings.NewReplacer("\n", " ", "\t", " ", backslash, "\ufffd")

// visible takes out control characters, which entities can stand for.
func visible(s string) string { return spaces.Replace(term.Clean(s)) }
