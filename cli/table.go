package cli

import (
	"io"
	"slices"
	"strings"

	xansi "github.com/charmbracelet/x/ansi"
)

// A table is rows of cells under a heading, aligned without lines.
type table struct {
	head  []string // empty: no heading
	rows  [][]string
	right []int // columns whose cells stand at the right, such as numbers
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// write writes the table, in so many columns at most; 0 is no limit.
func (t *table) write(w io.Writer, columns int) error {
	rows := t.rows
	if len(t.head) > 0 {
		rows = append([][]string{t.head}, rows...)
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
			if slices.Contains(t.right, i) {
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

// print writes a table to stdout, cut to the width of a terminal, whole in a
// pipe.
func (a *app) print(t *table) error {
	if !a.out.Terminal() {
		return t.write(a.stdout, 0)
	}
	columns, _ := a.out.Size()
	return t.write(a.stdout, columns)
}
