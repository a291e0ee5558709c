package latex

// indent is the indentation of the continuation lines of a formula.
const indent = 2

// fit draws a formula in at most the given columns, in several lines if necessary.
func fit(n node, columns int) (box, bool) {
	d := drawer{}
	b := d.draw(n, false)
	if d.large {
		return box{}, false
	}
	if b.width <= columns {
		return b, true
	}
	switch n := n.(type) {
	case row:
		return broken(n, columns)
	case grid: // an aligned system: fit each row
		if !n.paired {
			return box{}, false
		}
		var list []box
		for _, cells := range n.rows {
			var whole row
			for _, c := range cells {
				if parts, ok := c.(row); ok {
					whole = append(whole, parts...)
				} else {
					whole = append(whole, c)
				}
			}
			b, ok := fit(whole, columns)
			if !ok {
				return box{}, false
			}
			list = append(list, b)
		}
		return atop(0, 'l', list...), true
	}
	return box{}, false
}

// broken draws a row in several lines, broken before relations, or before binary
// operators if that is not enough.
func broken(list row, columns int) (box, bool) {
	var lines []box
	tall := false
	for start := 0; start < len(list); {
		width := columns
		if start > 0 {
			width -= indent
		}
		end, b := longest(list, start, width)
		if end == start {
			return box{}, false
		}
		if start > 0 {
			b = beside(textBox(blank(indent)), b)
		}
		tall = tall || b.height() > 1
		lines = append(lines, b)
		start = end
	}
	if tall { // lines with fractions need an empty line between them
		var spread []box
		for i, b := range lines {
			if i > 0 {
				spread = append(spread, textBox(""))
			}
			spread = append(spread, b)
		}
		lines = spread
	}
	return atop(0, 'l', lines...), true
}

// longest returns the longest part of a row from start that fits and ends before a
// relation; or, if that leaves most of the line empty, before a binary operator or
// after a comma. It is empty when nothing fits.
func longest(list row, start, width int) (end int, b box) {
	atRelation := func(i int) bool { return list[i].class() == relation }
	atOperator := func(i int) bool { return list[i].class() == binary || list[i-1].class() == punctuation }
	end, b = reach(list, start, width, atRelation)
	if end > start && (start > 0 || end == len(list) || b.width >= width/2) {
		return end, b
	}
	if further, wide := reach(list, start, width, atOperator); further > end {
		return further, wide
	}
	return end, b
}

// reach returns the longest part from start that fits and ends at a good place.
func reach(list row, start, width int, good func(int) bool) (end int, b box) {
	end = start
	for i := start + 1; i <= len(list); i++ {
		if i < len(list) && !good(i) {
			continue
		}
		d := drawer{}
		piece := append(row{}, list[start:i]...)
		if start > 0 && piece[0].class() == binary {
			piece = append(row{symbol{}}, piece...) // its left side is the line above
		}
		next := d.draw(piece, false)
		if d.large || next.width > width {
			break
		}
		end, b = i, next
	}
	return end, b
}
