package kit

import (
	"path/filepath"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/bise-sh/bise/render/markdown"
	"github.com/bise-sh/bise/render/term"
)

// Width returns the columns of a styled text.
func Width(s string) int { return ansi.StringWidth(s) }

// Truncate shortens a styled text to a width, with an ellipsis.
func Truncate(s string, width int) string {
	if width <= 0 {
		return ""
	}
	return ansi.Truncate(s, width, "…")
}

// Pad truncates or pads a text to a width.
func Pad(s string, width int) string {
	s = Truncate(s, width)
	return s + strings.Repeat(" ", max(0, width-Width(s)))
}

// Spread puts one text at the left end and one at the right end of a line. It truncates the
// left one first.
func Spread(left, right string, width int) string {
	right = Truncate(right, width)
	free := width - Width(right)
	if right != "" {
		free--
	}
	left = Truncate(left, free)
	if right == "" {
		return left
	}
	return left + strings.Repeat(" ", max(1, width-Width(left)-Width(right))) + right
}

// Indent indents lines that are not empty.
func Indent(lines []string, by int) []string {
	space := strings.Repeat(" ", max(0, by))
	out := make([]string, len(lines))
	for i, line := range lines {
		if line != "" {
			out[i] = space + line
		}
	}
	return out
}

// Wrap breaks plain text from outside into lines of a width.
func Wrap(s string, width int) []string {
	return strings.Split(ansi.Wrap(markdown.ExpandTabs(term.Clean(s)), max(1, width), ""), "\n")
}

// WrapMarked is Wrap for text that can be selected: rows are marked if their line continues.
func WrapMarked(s string, width int) []string {
	return strings.Split(term.WrapMarked(markdown.ExpandTabs(term.Clean(s)), max(1, width)), "\n")
}

// WrapStyled wraps a styled line that is too long, such as code, and keeps its indentation.
func WrapStyled(line string, width int) []string {
	if len(line) <= width || ansi.StringWidth(line) <= width {
		return []string{line}
	}
	plain := ansi.Strip(line)
	indent := min(len(plain)-len(strings.TrimLeft(plain, " ")), width/2)
	space := strings.Repeat(" ", indent)
	lines := strings.Split(ansi.Hardwrap(ansi.Cut(line, indent, ansi.StringWidth(line)), max(1, width-indent), true), "\n")
	open := ""
	for i, l := range lines {
		l = open + l
		open = ""
		if at := strings.LastIndex(l, "\x1b["); at >= 0 && !strings.HasPrefix(l[at:], "\x1b[m") && !strings.HasPrefix(l[at:], "\x1b[0m") {
			open = l[at : at+strings.IndexByte(l[at:], 'm')+1]
			l += "\x1b[m"
		}
		if i > 0 {
			l = space + term.TextStart + l
		} else {
			l = space + l
		}
		if i < len(lines)-1 {
			l += term.WrappedInWord
		}
		lines[i] = l
	}
	return lines
}

// StyleLines styles each line.
func StyleLines(style lipgloss.Style, lines []string) []string {
	for i, line := range lines {
		lines[i] = style.Render(line)
	}
	return lines
}

// OneLine returns text from outside as one line.
func OneLine(s string) string {
	return strings.Join(strings.Fields(term.Clean(s)), " ")
}

// WideColumns is the minimum width for more than the essentials.
const WideColumns = 60

// MaxColumns is the maximum width of body text, for readability.
const MaxColumns = 100

// Column returns the left edge and the width of body text.
func Column(width int) (left, columns int) {
	margin := 3
	if width < 60 {
		margin = 2
	}
	columns = max(1, min(MaxColumns, width-2*margin))
	return (width - columns) / 2, columns
}

// ProgressLine puts a bar between two texts, if it fits.
func ProgressLine(text string, share float64, after string, width int) string {
	return Truncate(term.ProgressLine(text, share, after, width), width)
}

// LineCount returns the number of lines; a newline at the end does not start another.
func LineCount(s string) int {
	if s == "" {
		return 0
	}
	return strings.Count(strings.TrimSuffix(s, "\n"), "\n") + 1
}

// RelativePath returns path relative to folder if it is inside.
func RelativePath(folder, path string) string {
	if rel, err := filepath.Rel(folder, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}
