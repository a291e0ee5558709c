package markdown

import (
	"slices"
	"strings"

	xansi "github.com/charmbracelet/x/ansi"
	gfm "github.com/yuin/goldmark/extension/ast"
)

// between is the columns between those of a table.
const between = 2

// table draws a table: aligned, its heading in bold above a line. Where it is
// too wide its widest columns are made narrower, and their cells wrapped.
func (d *drawing) table(n *gfm.Table, width int) []string {
	var rows [][]string
	for r := n.FirstChild(); r != nil; r = r.NextSibling() {
		s := style{bold: r.Kind() == gfm.KindTableHeader}
		var row []string
		for c := r.FirstChild(); c != nil; c = c.NextSibling() {
			row = append(row, d.inline(c, s))
		}
		rows = append(rows, row)
	}
	widths := fit(rows, width)
	var lines []string
	for i, row := range rows {
		cells := make([][]string, len(row))
		height := 1
		for j, cell := range row {
			cells[j] = wrap(cell, widths[j])
			height = max(height, len(cells[j]))
		}
		for k := range height {
			var line strings.Builder
			for j := range row {
				if j > 0 {
					line.WriteString(strings.Repeat(" ", between))
				}
				cell := ""
				if k < len(cells[j]) {
					cell = cells[j][k]
				}
				line.WriteString(aligned(cell, widths[j], alignment(n, j)))
			}
			lines = append(lines, strings.TrimRight(line.String(), " "))
		}
		if i == 0 {
			total := between * (len(widths) - 1)
			for _, w := range widths {
				total += w
			}
			lines = append(lines, style{colour: d.Muted}.on(strings.Repeat("─", max(1, total))))
		}
	}
	return lines
}

// fit gives the columns' widths: as wide as their cells, as long as all of them
// fit.
func fit(rows [][]string, width int) []int {
	var widths []int
	for _, row := range rows {
		for j, cell := range row {
			if j == len(widths) {
				widths = append(widths, 1)
			}
			widths[j] = max(widths[j], xansi.StringWidth(cell))
		}
	}
	total := between * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	for ; total > width; total-- {
		j := slices.Index(widths, slices.Max(widths))
		if widths[j] <= 3 {
			break
		}
		widths[j]--
	}
	return widths
}

func alignment(n *gfm.Table, column int) gfm.Alignment {
	if column < len(n.Alignments) {
		return n.Alignments[column]
	}
	return gfm.AlignNone
}

func aligned(cell string, width int, a gfm.Alignment) string {
	free := max(0, width-xansi.StringWidth(cell))
	before := 0
	switch a {
	case gfm.AlignRight:
		before = free
	case gfm.AlignCenter:
		before = free / 2
	}
	return strings.Repeat(" ", before) + cell + strings.Repeat(" ", free-before)
}
