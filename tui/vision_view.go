package tui

import (
	"image"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
)

const (
	// From besideWidth columns on, pictures are at the left of the conversation: on a
	// third of the width, and at most on widestWall.
	besideWidth, widestWall = 100, 40
	// wallMargin is what is left free around pictures.
	wallMargin = 3
	// leastWall are the rows below which the body has no room for pictures above the
	// conversation, only for what they are called.
	leastWall = 14
	// Others than the chosen picture are so large.
	smallColumns, smallRows = 9, 4
)

// Resize hangs the pictures, and gives the conversation the space that is left.
func (v *visionMode) Resize(width, height int) {
	for _, t := range v.transcript.turns {
		if !t.besides {
			t.besides = true
			t.refresh()
		}
	}
	v.wall, v.hung, v.room = nil, nil, image.Point{}
	list := v.exhibits()
	v.beside = width >= besideWidth
	switch {
	case len(list) == 0:
	case v.beside:
		columns := min(width/3, widestWall)
		v.hangBeside(list, columns, height)
		v.room.X = wallMargin + columns
	default:
		v.hangAbove(list, width, height)
		v.room.Y = len(v.wall)
	}
	v.chatMode.Resize(width-v.room.X, height-v.room.Y)
}

// hangBeside draws the chosen picture, what it is, and the others in a row below.
func (v *visionMode) hangBeside(list []exhibit, columns, height int) {
	chosen := v.current(len(list))
	text := v.captions(list, chosen, columns)
	rows := height - len(text) - 2
	if len(list) > 1 {
		rows -= smallRows + 1
	}
	v.hang([]painting{{chosen, v.gallery.pixels(list[chosen].shot, v.look.Theme.Shade, columns, max(1, rows))}}, 1)
	v.wall = append([]string{""}, v.wall...)
	v.wall = append(v.wall, text...)
	if len(list) > 1 {
		v.wall = append(v.wall, "")
		v.hang(v.small(list, chosen, columns), len(v.wall))
	}
	v.wall = kit.Indent(v.wall[:min(len(v.wall), height)], wallMargin)
}

// hangAbove draws the chosen picture with the others at its right, and what it is.
func (v *visionMode) hangAbove(list []exhibit, width, height int) {
	left, columns := kit.Column(width)
	chosen := v.current(len(list))
	if height >= leastWall {
		rows := min(height/3, 10)
		large := v.gallery.pixels(list[chosen].shot, v.look.Theme.Shade, columns, rows)
		pictures := []painting{{chosen, large}}
		if len(large) > 0 {
			pictures = append(pictures, v.small(list, chosen, columns-kit.Width(large[0])-2)...)
		}
		v.hang(pictures, 0)
	}
	v.wall = append(v.wall, v.captions(list, chosen, columns)[0])
	v.wall = kit.Indent(v.wall, left)
	for i := range v.hung {
		v.hung[i].area = v.hung[i].area.Add(image.Pt(left-wallMargin, 0))
	}
}

// A painting is a picture as lines.
type painting struct {
	exhibit int
	lines   []string
}

// small draws the other pictures, as many as there is room for.
func (v *visionMode) small(list []exhibit, chosen, columns int) []painting {
	var pictures []painting
	for i, x := range list {
		if i == chosen || columns < smallColumns {
			continue
		}
		lines := v.gallery.blocks(x.shot, v.look.Theme.Shade, smallColumns, smallRows)
		if len(lines) > 0 {
			pictures = append(pictures, painting{i, lines})
			columns -= kit.Width(lines[0]) + 2
		}
	}
	return pictures
}

// hang puts pictures beside each other on the wall, from a row on.
func (v *visionMode) hang(pictures []painting, row int) {
	rows := 0
	for _, p := range pictures {
		rows = max(rows, len(p.lines))
	}
	lines := make([]string, rows)
	at := 0
	for _, p := range pictures {
		if len(p.lines) == 0 {
			continue
		}
		width := kit.Width(p.lines[0])
		for i := range lines {
			if gap := at - kit.Width(lines[i]); i < len(p.lines) {
				lines[i] += strings.Repeat(" ", gap) + p.lines[i]
			}
		}
		v.hung = append(v.hung, hanging{p.exhibit, image.Rect(at, row, at+width, row+len(p.lines)).Add(image.Pt(wallMargin, 0))})
		at += width + 2
	}
	v.wall = append(v.wall, lines...)
}

// captions say what a picture is and what it costs, in a line if that fits, and what
// is in the way.
func (v *visionMode) captions(list []exhibit, chosen, columns int) []string {
	x := list[chosen]
	name := kit.OneLine(x.name)
	if name == "" {
		name = "picture"
	}
	about := x.shot.pixelSize()
	switch {
	case x.shot.err != nil:
		about = "cannot be shown"
	case about == "":
		about = "…"
	}
	if n := v.costs[cost{x.shot, v.model}]; n != unknown {
		about += " → " + units.Count(n) + " tokens"
	}
	if v.blind() {
		about = v.model.Name() + " does not see: " + v.look.Keys.Models.Help().Key + " chooses another"
	}
	lines := []string{name + " " + about}
	if kit.Width(lines[0]) > columns {
		room := max(1, columns-kit.Width(about)-1)
		if room >= 8 {
			lines = []string{kit.Truncate(name, room) + " " + about}
		} else {
			lines = []string{kit.Truncate(name, columns), kit.Truncate(about, columns)}
		}
	}
	return kit.StyleLines(v.look.Theme.Muted, lines)
}

func (v *visionMode) View() ([]string, *tea.Cursor) {
	lines, cursor := v.chatMode.View()
	if len(v.wall) == 0 {
		return lines, cursor
	}
	if cursor != nil {
		cursor.X += v.room.X
		cursor.Y += v.room.Y
	}
	if !v.beside {
		return slices.Concat(v.wall, lines), cursor
	}
	out := make([]string, max(len(lines), len(v.wall)))
	for i := range out {
		if i < len(v.wall) {
			out[i] = v.wall[i]
		}
		if i < len(lines) && lines[i] != "" {
			out[i] += strings.Repeat(" ", max(0, v.room.X-kit.Width(out[i]))) + lines[i]
		}
	}
	return out, cursor
}

// Click chooses a picture, or goes to the conversation.
func (v *visionMode) Click(x, y int) kit.Outcome {
	for _, h := range v.hung {
		if image.Pt(x, y).In(h.area) {
			v.chosen = h.exhibit
			return kit.Handled(nil)
		}
	}
	if x < v.room.X || y < v.room.Y {
		return kit.Handled(nil)
	}
	return v.chatMode.Click(x-v.room.X, y-v.room.Y)
}
