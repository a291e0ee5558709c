package tui

import (
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/bise-sh/bise/render/term"
	"github.com/bise-sh/bise/units"
)

// cells is how many columns a styled text takes.
func cells(s string) int { return ansi.StringWidth(s) }

// cut shortens a styled text to a width, and marks that it did.
func cut(s string, width int) string {
	if width <= 0 {
		return ""
	}
	return ansi.Truncate(s, width, "…")
}

// padded is a text cut or filled up with spaces to a width.
func padded(s string, width int) string {
	s = cut(s, width)
	return s + strings.Repeat(" ", max(0, width-cells(s)))
}

// spread puts one text at the left and one at the right end of a line. The left
// one is cut first.
func spread(left, right string, width int) string {
	right = cut(right, width)
	free := width - cells(right)
	if right != "" {
		free--
	}
	left = cut(left, free)
	if right == "" {
		return left
	}
	return left + strings.Repeat(" ", max(1, width-cells(left)-cells(right))) + right
}

// indented puts spaces before each line.
func indented(lines []string, by int) []string {
	space := strings.Repeat(" ", max(0, by))
	out := make([]string, len(lines))
	for i, line := range lines {
		if line != "" {
			out[i] = space + line
		}
	}
	return out
}

// wrapped breaks plain text from outside into lines of at most so many columns.
func wrapped(s string, width int) []string {
	s = strings.ReplaceAll(term.Clean(s), "\t", "    ")
	return strings.Split(ansi.Wrap(s, max(1, width), ""), "\n")
}

// styled puts a style on each line.
func styled(style lipgloss.Style, lines []string) []string {
	for i, line := range lines {
		lines[i] = style.Render(line)
	}
	return lines
}

// oneLine is text from outside as it fits in a row of a list.
func oneLine(s string) string {
	return strings.Join(strings.Fields(term.Clean(s)), " ")
}

// widest is the most columns that body text takes, for the eye's sake.
const widest = 100

// column is where body text stands: its left edge and its width.
func column(width int) (left, columns int) {
	margin := 3
	if width < 60 {
		margin = 2
	}
	columns = max(1, min(widest, width-2*margin))
	return (width - columns) / 2, columns
}

// barred puts a bar between two texts, as long as there is room for it.
func barred(text string, share float64, after string, width int) string {
	if after != "" {
		after = "  " + after
	}
	room := min(24, width-cells(text)-cells(after)-1)
	if room < 4 {
		return cut(text+after, width)
	}
	return text + " " + units.Bar(share, room) + after
}

// lineCount is how many lines a text has, the last one with or without its end.
func lineCount(s string) int {
	if s == "" {
		return 0
	}
	return strings.Count(strings.TrimSuffix(s, "\n"), "\n") + 1
}
