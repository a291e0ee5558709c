package latex

import (
	"slices"
	"strings"
)

func (d *drawer) grid(g grid, tight bool) box {
	if d.flat {
		return d.flatGrid(g, tight)
	}
	columns := 0
	for _, r := range g.rows {
		columns = max(columns, len(r))
	}
	cells := make([][]box, len(g.rows))
	widths := make([]int, columns)
	tall := false
	for y, r := range g.rows {
		for x := range columns {
			b := textBox("")
			if x < len(r) {
				b = d.draw(r[x], tight)
			}
			cells[y] = append(cells[y], b)
			widths[x] = max(widths[x], b.width)
			tall = tall || b.height() > 1
		}
	}
	var lines []box
	for y := range cells {
		var parts []box
		above, below := 0, 0
		for _, b := range cells[y] {
			above, below = max(above, b.baseline), max(below, b.below())
		}
		for x, b := range cells[y] {
			parts = append(parts, textBox(blank(g.before(x))))
			if slices.Contains(g.bars, x) {
				parts = append(parts, bar(above, below), textBox(" "))
			}
			parts = append(parts, b.wide(widths[x], g.align[x%len(g.align)]))
		}
		if slices.Contains(g.bars, columns) {
			parts = append(parts, textBox(" "), bar(above, below))
		}
		line := beside(parts...)
		if slices.Contains(g.rules, y) {
			lines = append(lines, rule("─", line.width))
		} else if y > 0 && tall {
			lines = append(lines, textBox(""))
		}
		lines = append(lines, line)
	}
	if n := len(lines); n > 0 && slices.Contains(g.rules, len(cells)) {
		lines = append(lines, rule("─", lines[n-1].width))
	}
	out := atop(0, 'l', lines...)
	out.baseline = (out.height() - 1) / 2
	if len(lines) == 1 {
		out.baseline = lines[0].baseline
	}
	return out
}

// bar returns a vertical line beside a row.
func bar(above, below int) box {
	b := box{width: 1, baseline: above}
	for range above + 1 + below {
		b.lines = append(b.lines, "│")
	}
	return b
}

// before returns the cells between a column and the one before it.
func (g grid) before(x int) int {
	if x == 0 {
		return 0
	}
	if !g.paired {
		return g.gap
	}
	if x%2 == 0 {
		return 3
	}
	// A relation at the beginning of the right side has space on its left.
	for _, r := range g.rows {
		if x < len(r) {
			if list, ok := r[x].(row); ok && len(list) > 0 && list[0].class() == relation {
				return 1
			}
		}
	}
	return 0
}

func (d *drawer) flatGrid(g grid, tight bool) box {
	var rows []string
	for _, r := range g.rows {
		var cells []string
		for _, c := range r {
			cells = append(cells, strings.TrimSpace(d.draw(c, tight).lines[0]))
		}
		rows = append(rows, strings.TrimSpace(strings.Join(cells, " ")))
	}
	return textBox(strings.Join(rows, "; "))
}
