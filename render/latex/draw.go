package latex

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// A drawer draws nodes as boxes. In flat mode every box has one line.
type drawer struct {
	flat  bool
	large bool // a box was larger than maxCells: the result is unusable
}

// draw returns the box of a part. tight is set within scripts, where operators have no
// space around them.
func (d *drawer) draw(n node, tight bool) box {
	b := d.box(n, tight)
	if len(b.lines)*b.width > maxCells {
		d.large = true
	}
	if d.large {
		return textBox("")
	}
	return b
}

func (d *drawer) box(n node, tight bool) box {
	switch n := n.(type) {
	case nil:
		return textBox("")
	case symbol:
		return textBox(n.text)
	case space:
		return textBox(blank(int(n)))
	case row:
		return d.row(n, tight)
	case fraction:
		return d.fraction(n, tight)
	case root:
		return d.root(n, tight)
	case scripts:
		return d.scripts(n, tight)
	case fence:
		return d.fence(n, tight)
	case grid:
		return d.grid(n, tight)
	case accent:
		return d.accent(n, tight)
	case brace:
		return d.brace(n, tight)
	case stack:
		return d.stack(n, tight)
	case boxed:
		b := d.draw(n.body, tight)
		if d.flat {
			return beside(textBox("[ "), b, textBox(" ]"))
		}
		b = beside(textBox(" "), b, textBox(" "))
		edge := bar(b.baseline, b.below())
		line := strings.Repeat("─", b.width)
		return atop(1, 'l', textBox("┌"+line+"┐"), beside(edge, b, edge), textBox("└"+line+"┘"))
	}
	panic("latex: unknown kind of node")
}

// row places parts beside each other with the space of their classes.
func (d *drawer) row(list row, tight bool) box {
	boxes := make([]box, 0, 2*len(list))
	last := node(nil)
	for i, n := range list {
		if g, ok := n.(space); ok {
			boxes = append(boxes, textBox(blank(int(g))))
			last = n
			continue
		}
		var next node
		if i+1 < len(list) {
			next = list[i+1]
		}
		if cells := gap(last, n, next, tight); cells > 0 {
			boxes = append(boxes, textBox(blank(cells)))
		}
		boxes = append(boxes, d.draw(n, tight))
		if unary(last, n, next) {
			n = symbol{} // no space after a sign
		}
		last = n
	}
	if len(boxes) == 0 {
		return textBox("")
	}
	return beside(boxes...)
}

// unary reports whether a binary operator lacks a left or right side, which makes it a
// sign (The TeXbook, appendix G, rules 5 and 6).
func unary(last, n, next node) bool {
	if n.class() != binary {
		return false
	}
	if last == nil || next == nil {
		return true
	}
	switch last.class() {
	case binary, relation, opening, operator, punctuation, glue:
		return true
	}
	switch next.class() {
	case relation, closing, punctuation:
		return true
	}
	return false
}

// gap returns the cells between two neighbours.
func gap(last, n, next node, tight bool) int {
	if last == nil || last.class() == glue {
		return 0
	}
	a, b := last.class(), n.class()
	_, fenced := base(n).(fence)
	switch {
	case a == operator && b != opening && b != closing && b != punctuation && !(fenced && !isBig(last)):
		return 1 // sin x, even in an exponent
	case tight:
		return 0
	case b == binary && unary(last, n, next):
		if a == relation || a == punctuation || a == binary {
			return 1
		}
		return 0
	case a == relation && b == relation:
		return 0
	case a == relation || b == relation || a == binary || b == binary:
		return 1
	case a == punctuation:
		return 1
	case b == operator && a != opening:
		return 1
	case a == inner && (b == ordinary || b == inner), b == inner && a == ordinary:
		return 1
	}
	return 0
}

// base returns the node that scripts belong to.
func base(n node) node {
	if s, ok := n.(scripts); ok {
		return s.base
	}
	return n
}

// isBig reports whether an operator applies to everything after it, like ∑ and lim,
// and not only to brackets after it.
func isBig(n node) bool {
	s, ok := base(n).(symbol)
	return ok && s.kind == operator && (s.limits || utf8.RuneCountInString(s.text) == 1)
}

func (d *drawer) fraction(f fraction, tight bool) box {
	above, below := d.draw(f.above, tight), d.draw(f.below, tight)
	if !d.flat && tight && f.bar && above.height() == 1 && below.height() == 1 && single(f.above) && single(f.below) {
		return textBox(above.lines[0] + "/" + below.lines[0]) // an exponent ½ should not take three lines
	}
	if d.flat {
		if !f.bar {
			return beside(above, textBox(" "), below)
		}
		return beside(bracketed(above, product(f.above)), textBox("/"), bracketed(below, single(f.below)))
	}
	width := max(above.width, below.width)
	bar := "─"
	if !f.bar {
		bar = " "
	}
	return atop(1, 'c', above, rule(bar, max(1, width)), below)
}

// bracketed puts a box of one line into parentheses unless it needs none.
func bracketed(b box, simple bool) box {
	if simple {
		return b
	}
	return beside(textBox("("), b, textBox(")"))
}

// single reports whether a part cannot be misread beside a slash.
func single(n node) bool {
	switch n := n.(type) {
	case symbol, fence, accent, root:
		return true
	case scripts:
		return single(n.base)
	case row:
		if len(n) == 2 { // f(x)
			_, called := n[1].(fence)
			_, name := n[0].(symbol)
			return called && name
		}
		return len(n) == 1 && single(n[0])
	}
	return false
}

// product reports whether a part consists of single parts.
func product(n node) bool {
	list, ok := n.(row)
	if !ok {
		return single(n)
	}
	for _, part := range list {
		if part.class() != glue && (!single(part) || part.class() != ordinary) {
			return false
		}
	}
	return true
}

func (d *drawer) root(r root, tight bool) box {
	body := d.draw(r.body, tight)
	index := ""
	if r.index != nil {
		index = flatten(r.index)
	}
	raised, ok := raise(index)
	var left box
	switch {
	case ok:
		left = textBox(raised)
	case d.flat:
		left = textBox("(" + index + ")")
	default: // above the foot of the sign
		left = atop(1, 'l', d.draw(r.index, true), textBox(""))
	}
	simple := body.height() == 1 && single(r.body) && (body.width == 1 || isWord(r.body))
	if d.flat || simple {
		_, fenced := r.body.(fence)
		return beside(left, textBox("√"), bracketed(body, simple || fenced || single(r.body) && d.flat))
	}
	if body.height() == 1 {
		return beside(left, atop(1, 'r', rule("▁", body.width), beside(textBox("√"), body)))
	}
	sign := box{width: 2, baseline: body.baseline}
	for y := range body.height() {
		if y == body.height()-1 {
			sign.lines = append(sign.lines, "╲│")
		} else {
			sign.lines = append(sign.lines, " │")
		}
	}
	return beside(left, atop(1, 'r', textBox("┌"+strings.Repeat("─", body.width)), beside(sign, body)))
}

// isWord reports whether a part is a number or one symbol.
func isWord(n node) bool {
	if list, ok := n.(row); ok && len(list) == 1 {
		n = list[0]
	}
	_, ok := n.(symbol)
	return ok
}

func (d *drawer) accent(a accent, tight bool) box {
	body := d.draw(a.body, tight)
	if body.width == 0 {
		return body
	}
	if body.height() == 1 && a.mark != 0 && (d.flat || body.width == 1 || a.over == "" && a.line.line == "") {
		var s strings.Builder
		for _, r := range body.lines[0] {
			s.WriteRune(r)
			if r != ' ' && ansi.StringWidth(string(r)) > 0 {
				s.WriteRune(a.mark)
			}
		}
		return box{lines: []string{s.String()}, width: body.width}
	}
	if a.over == "" && a.line.line == "" { // a stroke, which has no place in two dimensions
		return body
	}
	line := textBox(a.over)
	if a.line.line != "" {
		line = a.line.box(body.width)
	}
	if a.below {
		return atop(0, 'c', body, line)
	}
	return atop(1, 'c', line, body)
}

// box draws the arrow in at least so many cells.
func (a arrow) box(width int) box {
	ends := ansi.StringWidth(a.left + a.right)
	return textBox(a.left + strings.Repeat(a.line, max(width-ends, 0)) + a.right)
}

func (d *drawer) brace(b brace, tight bool) box {
	body := d.draw(b.body, tight)
	if d.flat {
		return body
	}
	width := max(3, body.width)
	left := (width - 3) / 2
	right := width - 3 - left
	if b.below {
		return atop(0, 'c', body, textBox("╰"+strings.Repeat("─", left)+"┬"+strings.Repeat("─", right)+"╯"))
	}
	return atop(1, 'c', textBox("╭"+strings.Repeat("─", left)+"┴"+strings.Repeat("─", right)+"╮"), body)
}

func (d *drawer) stack(s stack, tight bool) box {
	if d.flat {
		return d.scripts(scripts{base: s.base, sub: s.below, sup: s.above}, tight)
	}
	base := d.draw(s.base, tight)
	above, below := d.draw(s.above, true), d.draw(s.below, true)
	if s.arrow.line != "" {
		base = s.arrow.box(max(above.width, below.width, 1) + 1)
	}
	list, at := []box{base}, 0
	if s.above != nil {
		list, at = append([]box{above}, list...), 1
	}
	if s.below != nil {
		list = append(list, below)
	}
	return atop(at, 'c', list...)
}
