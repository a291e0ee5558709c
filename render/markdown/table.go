package markdown

import (
	"slices"
	"strings"

	xansi "github.com/charmbracelet/x/ansi"
	gfm "github.com/yuin/goldmark/extension/ast"
)

// table draws a table: aligned, its heading in bold above a line. The widest columns
// of one that is too wide become narrower, and their cells are wrapped. Glamour draws
// the cells and its style the lines; its own tables cut off long headings.
func (d *drawing) table(n *gfm.Table, width int) []string {
	column, rule, cross := "│", "─", "┼"
	if s := d.config.Table; s.ColumnSeparator != nil && s.RowSeparator != nil && s.CenterSeparator != nil {
		column, rule, cross = *s.ColumnSeparator, *s.RowSeparator, *s.CenterSeparator
	}
	gap := " " + column + " "
	style := cascade(d.config.Document, d.config.Table.StyleBlock)
	var rows [][]string
	for r := n.FirstChild(); r != nil; r = r.NextSibling() {
		look := plain
		// A style can mark bold text with characters, which a heading does not need.
		look.strong = r.Kind() == gfm.KindTableHeader && d.config.Strong.BlockPrefix == ""
		var cells []string
		for c := r.FirstChild(); c != nil; c = c.NextSibling() {
			l := &leaf{drawing: d}
			l.children(c, look)
			cells = append(cells, l.write(style))
		}
		rows = append(rows, cells)
	}
	widths := fit(rows, xansi.StringWidth(gap), width)
	var lines []string
	for i, row := range rows {
		cells := make([][]string, len(row))
		height := 1
		for j, cell := range row {
			cells[j] = d.lines(xansi.Wrap(cell, widths[j], ""))
			height = max(height, len(cells[j]))
		}
		for k := range height {
			line := make([]string, len(row))
			for j := range row {
				if k < len(cells[j]) {
					line[j] = cells[j][k]
				}
				line[j] = aligned(line[j], widths[j], n.Alignments[j])
			}
			lines = append(lines, strings.TrimRight(strings.Join(line, gap), " "))
		}
		if i == 0 {
			line := make([]string, len(row))
			for j, w := range widths {
				line[j] = strings.Repeat(rule, w)
			}
			lines = append(lines, d.lines(strings.Join(line, rule+cross+rule))...)
		}
	}
	return lines
}

// fit returns the columns' widths: as wide as their cells, as long as all of them
// fit.
func fit(rows [][]string, gap, width int) []int {
	var widths []int
	for _, row := range rows {
		for j, cell := range row {
			if j == len(widths) {
				widths = append(widths, 1)
			}
			for line := range strings.SplitSeq(cell, "\n") { // a cell can have line breaks
				widths[j] = max(widths[j], xansi.StringWidth(line))
			}
		}
	}
	total := gap * (len(widths) - 1)
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
