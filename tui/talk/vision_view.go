package talk

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
func (v *Vision) Resize(width, height int) {
	for _, t := range v.transcript.turns {
		if !t.picturesElsewhere {
			t.picturesElsewhere = true
			t.refresh()
		}
	}
	v.pictureLines, v.placements, v.pictureSpace = nil, nil, image.Point{}
	list := v.pictures()
	v.beside = width >= besideWidth
	switch {
	case len(list) == 0:
	case v.beside:
		columns := min(width/3, widestWall)
		v.layOutBeside(list, columns, height)
		v.pictureSpace.X = wallMargin + columns
	default:
		v.layOutAbove(list, width, height)
		v.pictureSpace.Y = len(v.pictureLines)
	}
	v.Chat.Resize(width-v.pictureSpace.X, height-v.pictureSpace.Y)
}

// layOutBeside draws the chosen picture, what it is, and the others in a row below.
func (v *Vision) layOutBeside(list []picture, columns, height int) {
	chosen := v.current(len(list))
	text := v.captions(list, chosen, columns)
	rows := height - len(text) - 2
	if len(list) > 1 {
		rows -= smallRows + 1
	}
	v.place([]drawnPicture{{chosen, v.images.pixels(list[chosen].image, v.look.Theme.Shade, columns, max(1, rows))}}, 1)
	v.pictureLines = append([]string{""}, v.pictureLines...)
	v.pictureLines = append(v.pictureLines, text...)
	if len(list) > 1 {
		v.pictureLines = append(v.pictureLines, "")
		v.place(v.small(list, chosen, columns), len(v.pictureLines))
	}
	v.pictureLines = kit.Indent(v.pictureLines[:min(len(v.pictureLines), height)], wallMargin)
}

// layOutAbove draws the chosen picture with the others at its right, and what it is.
func (v *Vision) layOutAbove(list []picture, width, height int) {
	left, columns := kit.Column(width)
	chosen := v.current(len(list))
	if height >= leastWall {
		rows := min(height/3, 10)
		large := v.images.pixels(list[chosen].image, v.look.Theme.Shade, columns, rows)
		pictures := []drawnPicture{{chosen, large}}
		if len(large) > 0 {
			pictures = append(pictures, v.small(list, chosen, columns-kit.Width(large[0])-2)...)
		}
		v.place(pictures, 0)
	}
	v.pictureLines = append(v.pictureLines, v.captions(list, chosen, columns)[0])
	v.pictureLines = kit.Indent(v.pictureLines, left)
	for i := range v.placements {
		v.placements[i].area = v.placements[i].area.Add(image.Pt(left-wallMargin, 0))
	}
}

// A drawnPicture is a picture as lines.
type drawnPicture struct {
	picture int
	lines   []string
}

// small draws the other pictures, as many as there is room for.
func (v *Vision) small(list []picture, chosen, columns int) []drawnPicture {
	var pictures []drawnPicture
	for i, x := range list {
		if i == chosen || columns < smallColumns {
			continue
		}
		lines := v.images.blocks(x.image, v.look.Theme.Shade, smallColumns, smallRows)
		if len(lines) > 0 {
			pictures = append(pictures, drawnPicture{i, lines})
			columns -= kit.Width(lines[0]) + 2
		}
	}
	return pictures
}

// place puts pictures beside each other on the wall, from a row on.
func (v *Vision) place(pictures []drawnPicture, row int) {
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
		v.placements = append(v.placements, placement{p.picture, image.Rect(at, row, at+width, row+len(p.lines)).Add(image.Pt(wallMargin, 0))})
		at += width + 2
	}
	v.pictureLines = append(v.pictureLines, lines...)
}

// captions say what a picture is and what it costs, in a line if that fits, and what
// is in the way.
func (v *Vision) captions(list []picture, chosen, columns int) []string {
	x := list[chosen]
	name := kit.OneLine(x.name)
	if name == "" {
		name = "picture"
	}
	about := x.image.pixelSize()
	switch {
	case x.image.err != nil:
		about = "cannot be shown"
	case about == "":
		about = "…"
	}
	if n := v.tokens[countKey{x.image, v.model}]; n != uncounted {
		about += " → " + units.Count(n) + " tokens"
	}
	if v.cannotSee() {
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

func (v *Vision) View() ([]string, *tea.Cursor) {
	lines, cursor := v.Chat.View()
	if len(v.pictureLines) == 0 {
		return lines, cursor
	}
	if cursor != nil {
		cursor.X += v.pictureSpace.X
		cursor.Y += v.pictureSpace.Y
	}
	if !v.beside {
		return slices.Concat(v.pictureLines, lines), cursor
	}
	out := make([]string, max(len(lines), len(v.pictureLines)))
	for i := range out {
		if i < len(v.pictureLines) {
			out[i] = v.pictureLines[i]
		}
		if i < len(lines) && lines[i] != "" {
			out[i] += strings.Repeat(" ", max(0, v.pictureSpace.X-kit.Width(out[i]))) + lines[i]
		}
	}
	return out, cursor
}

// Click chooses a picture, or goes to the conversation.
func (v *Vision) Click(x, y int) kit.Outcome {
	for _, h := range v.placements {
		if image.Pt(x, y).In(h.area) {
			v.chosen = h.picture
			return kit.Handled(nil)
		}
	}
	if x < v.pictureSpace.X || y < v.pictureSpace.Y {
		return kit.Handled(nil)
	}
	return v.Chat.Click(x-v.pictureSpace.X, y-v.pictureSpace.Y)
}
