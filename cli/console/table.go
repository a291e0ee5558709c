package console

import (
	"io"
	"slices"
	"strings"

	xansi "github.com/charmbracelet/x/ansi"
)

// A Table is rows of cells under a heading, aligned without lines.
type Table struct {
	Head  []string // empty: no heading
	Right []int    // columns that are aligned to the right, such as numbers

	rows [][]string
}

// Add appends a row.
func (t *Table) Add(cells ...string) { t.rows = append(t.rows, cells) }

// Write writes the table, at most columns wide; 0 means unlimited.
func (t *Table) Write(w io.Writer, columns int) error {
	rows := t.rows
	if len(t.Head) > 0 {
		rows = append([][]string{t.Head}, rows...)
	}
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], xansi.StringWidth(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			if i > 0 {
				line.WriteString("  ")
			}
			fill := strings.Repeat(" ", widths[i]-xansi.StringWidth(cell))
			if slices.Contains(t.Right, i) {
				line.WriteString(fill + cell)
			} else {
				line.WriteString(cell + fill)
			}
		}
		text := strings.TrimRight(line.String(), " ")
		if columns > 0 {
			text = xansi.Truncate(text, columns, "…")
		}
		b.WriteString(text + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
