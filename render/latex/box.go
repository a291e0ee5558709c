package latex

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// A box is a rectangle of character cells. Its baseline is the line level with the
// boxes beside it.
type box struct {
	lines    []string // each of width cells
	width    int
	baseline int
}

// textBox returns a box of one line.
func textBox(s string) box {
	return box{lines: []string{s}, width: ansi.StringWidth(s)}
}

func (b box) height() int { return len(b.lines) }

// below returns the number of lines under the baseline.
func (b box) below() int { return len(b.lines) - 1 - b.baseline }

func blank(cells int) string { return strings.Repeat(" ", max(0, cells)) }

// beside places boxes next to each other on one baseline.
func beside(list ...box) box {
	var above, below, width int
	for _, b := range list {
		if b.width == 0 {
			continue
		}
		above, below, width = max(above, b.baseline), max(below, b.below()), width+b.width
	}
	out := box{width: width, baseline: above}
	for y := range above + 1 + below {
		var line strings.Builder
		for _, b := range list {
			if b.width == 0 {
				continue
			}
			if i := y - above + b.baseline; 0 <= i && i < b.height() {
				line.WriteString(b.lines[i])
			} else {
				line.WriteString(blank(b.width))
			}
		}
		out.lines = append(out.lines, line.String())
	}
	return out
}

// atop places boxes above each other. The result has the baseline of list[base].
func atop(base int, align byte, list ...box) box {
	var out box
	for _, b := range list {
		out.width = max(out.width, b.width)
	}
	for i, b := range list {
		if i == base {
			out.baseline = len(out.lines) + b.baseline
		}
		out.lines = append(out.lines, b.wide(out.width, align).lines...)
	}
	return out
}

// wide returns the box at a greater width, aligned to l, c or r.
func (b box) wide(width int, align byte) box {
	spare := width - b.width
	if spare <= 0 {
		return b
	}
	left := 0
	switch align {
	case 'c':
		left = spare / 2
	case 'r':
		left = spare
	}
	out := box{width: width, baseline: b.baseline}
	for _, line := range b.lines {
		out.lines = append(out.lines, blank(left)+line+blank(spare-left))
	}
	return out
}

// rule returns a horizontal line.
func rule(char string, cells int) box {
	return box{lines: []string{strings.Repeat(char, cells)}, width: cells}
}
