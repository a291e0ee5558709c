package latex

// pieces are the parts of a tall delimiter: its first, repeated, middle and last line.
// A delimiter without a middle repeats the repeated line there.
type pieces struct{ top, more, middle, bottom string }

// built has the pieces of each delimiter.
var built = map[string]pieces{
	"(": {"⎛", "⎜", "⎜", "⎝"}, ")": {"⎞", "⎟", "⎟", "⎠"}, "[": {"⎡", "⎢", "⎢", "⎣"}, "]": {"⎤", "⎥", "⎥", "⎦"},
	"{": {"⎧", "⎪", "⎨", "⎩"}, "}": {"⎫", "⎪", "⎬", "⎭"}, "|": {"│", "│", "│", "│"}, "‖": {"‖", "‖", "‖", "‖"},
	"⌊": {"⎢", "⎢", "⎢", "⎣"}, "⌋": {"⎥", "⎥", "⎥", "⎦"}, "⌈": {"⎡", "⎢", "⎢", "⎢"}, "⌉": {"⎤", "⎥", "⎥", "⎥"},
}

func (d *drawer) fence(f fence, tight bool) box {
	body := d.draw(f.body, tight)
	left, right := f.left, f.right
	if g, ok := f.body.(grid); ok && d.flat && right == "" && len(g.rows) > 1 {
		right = "}" // on one line the brace of cases needs a closing brace
	}
	return beside(grown(left, body), body, grown(right, body))
}

// grown returns a delimiter as tall as a body.
func grown(delimiter string, body box) box {
	h := body.height()
	if h == 1 || delimiter == "" {
		return textBox(delimiter)
	}
	out := box{width: 1, baseline: body.baseline}
	switch delimiter {
	case "⟨", "⟩": // Unicode has no pieces of angles: draw two diagonals
		upper, lower := "╱", "╲"
		if delimiter == "⟩" {
			upper, lower = lower, upper
		}
		for y := range h {
			switch {
			case h%2 == 1 && y == h/2:
				out.lines = append(out.lines, delimiter)
			case y < h/2:
				out.lines = append(out.lines, upper)
			default:
				out.lines = append(out.lines, lower)
			}
		}
		return out
	}
	p, ok := built[delimiter]
	if !ok {
		return textBox(delimiter)
	}
	if h == 2 && p.middle != p.more { // a brace of two lines has no middle
		p.top, p.bottom = "⎰", "⎱"
		if delimiter == "}" {
			p.top, p.bottom = "⎱", "⎰"
		}
	}
	middle := min(max(body.baseline, 1), h-2)
	for y := range h {
		switch y {
		case 0:
			out.lines = append(out.lines, p.top)
		case h - 1:
			out.lines = append(out.lines, p.bottom)
		case middle:
			out.lines = append(out.lines, p.middle)
		default:
			out.lines = append(out.lines, p.more)
		}
	}
	return out
}
