package markdown

import (
	"strings"

	xansi "github.com/charmbracelet/x/ansi"
)

const (
	tabStop    = 8 // columns, as in a terminal
	indentStop = 4 // in text with tabs only at the beginning of lines, which is code
)

// ExpandTabs replaces the tabs in plain text by spaces up to the next tab stop. In a
// table, which has the same number of tabs in each line, it is the first stop that is
// free in all lines, so that columns stand below each other.
func ExpandTabs(s string) string {
	if !strings.Contains(s, "\t") {
		return s
	}
	lines := strings.Split(s, "\n")
	stop, table := indentStop, true
	var widths []int // of the columns of a table
	for _, line := range lines {
		text := strings.TrimSpace(line)
		if text == "" {
			continue
		}
		if strings.Contains(text, "\t") {
			stop = tabStop
		}
		cells := strings.Split(line, "\t")
		if widths == nil {
			widths = make([]int, len(cells))
		}
		if table = table && len(cells) == len(widths); table {
			for i, cell := range cells {
				widths[i] = max(widths[i], toStop(xansi.StringWidth(cell), tabStop))
			}
		}
	}
	table = table && stop == tabStop
	for i, line := range lines {
		var b strings.Builder
		column, end := 0, 0
		for j, cell := range strings.Split(line, "\t") {
			b.WriteString(strings.Repeat(" ", max(0, end-column)))
			b.WriteString(cell)
			column = end + xansi.StringWidth(cell)
			if table && j < len(widths) {
				end += widths[j]
			} else {
				end = toStop(column, stop)
			}
		}
		lines[i] = b.String()
	}
	return strings.Join(lines, "\n")
}

// toStop returns the next tab stop after a column.
func toStop(column, stop int) int { return column + stop - column%stop }
