package kit

import (
	"path/filepath"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/bise-sh/bise/render/markdown"
	"github.com/bise-sh/bise/render/term"
)

// Width is how many columns a styled text takes.
func Width(s string) int { return ansi.StringWidth(s) }

// Truncate shortens a styled text to a width, and marks that it did.
func Truncate(s string, width int) string {
	if width <= 0 {
		return ""
	}
	return ansi.Truncate(s, width, "…")
}

// Pad is a text cut or filled up with spaces to a width.
func Pad(s string, width int) string {
	s = Truncate(s, width)
	return s + strings.Repeat(" ", max(0, width-Width(s)))
}

// Spread puts one text at the left and one at the right end of a line. The left
// one is cut first.
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

// Indent puts spaces before each line.
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

// Wrap breaks plain text from outside into lines of at most so many columns.
func Wrap(s string, width int) []string {
	return strings.Split(ansi.Wrap(markdown.ExpandTabs(term.Clean(s)), max(1, width), ""), "\n")
}

// StyleLines puts a style on each line.
func StyleLines(style lipgloss.Style, lines []string) []string {
	for i, line := range lines {
		lines[i] = style.Render(line)
	}
	return lines
}

// OneLine is text from outside as it fits in a row of a list.
func OneLine(s string) string {
	return strings.Join(strings.Fields(term.Clean(s)), " ")
}

// WideColumns is the width from which on there is room for more than the
// essentials.
const WideColumns = 60

// MaxColumns is the most columns that body text takes, for the eye's sake.
const MaxColumns = 100

// Column is where body text stands: its left edge and its width.
func Column(width int) (left, columns int) {
	margin := 3
	if width < 60 {
		margin = 2
	}
	columns = max(1, min(MaxColumns, width-2*margin))
	return (width - columns) / 2, columns
}

// ProgressLine puts a progress bar between two texts if there is room for it. A share
// below 0 has no bar.
func ProgressLine(text string, share float64, after string, width int) string {
	return Truncate(term.ProgressLine(text, share, after, width), width)
}

// LineCount is how many lines a text has, the last one with or without its end.
func LineCount(s string) int {
	if s == "" {
		return 0
	}
	return strings.Count(strings.TrimSuffix(s, "\n"), "\n") + 1
}

// RelativePath returns path as users write it in a folder: relative if it is
// inside.
func RelativePath(folder, path string) string {
	if rel, err := filepath.Rel(folder, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}
