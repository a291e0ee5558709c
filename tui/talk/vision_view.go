package talk

import (
	"image"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/modes/vision"
	"github.com/bise-sh/bise/tui/kit"
)

const (
	// From besideWidth columns on, images are left of the conversation. They take a third of
	// the width, at most maxImageColumns.
	besideWidth, maxImageColumns = 100, 40
	// imageMargin is the free space around images.
	imageMargin = 3
	// minImageHeight is the minimum height to show images above the conversation. Below it,
	// only their captions are shown.
	minImageHeight = 14
	// The size of the other images.
	smallColumns, smallRows = 9, 4
)

// Resize lays out the images and gives the rest of the space to the conversation.
func (v *Vision) Resize(width, height int) {
	for _, t := range v.transcript.turns {
		if !t.imagesElsewhere {
			t.imagesElsewhere = true
			t.refresh()
		}
	}
	v.imageLines, v.placements, v.imageSpace = nil, nil, image.Point{}
	list := v.imageList()
	v.beside = width >= besideWidth
	switch {
	case len(list) == 0:
	case v.beside:
		columns := min(width/3, maxImageColumns)
		v.layOutBeside(list, columns, height)
		v.imageSpace.X = imageMargin + columns
	default:
		v.layOutAbove(list, width, height)
		v.imageSpace.Y = len(v.imageLines)
	}
	v.Chat.Resize(width-v.imageSpace.X, height-v.imageSpace.Y)
}

// layOutBeside draws the large image, its caption and a row of the others.
func (v *Vision) layOutBeside(list []namedImage, columns, height int) {
	chosen := v.current(len(list))
	text := v.captions(list, chosen, columns)
	rows := height - len(text) - 2
	if len(list) > 1 {
		rows -= smallRows + 1
	}
	v.place([]drawnImage{{chosen, v.images.Pixels(list[chosen].image, v.look.Theme.Shade, columns, max(1, rows))}}, 1)
	v.imageLines = append([]string{""}, v.imageLines...)
	v.imageLines = append(v.imageLines, text...)
	if len(list) > 1 {
		v.imageLines = append(v.imageLines, "")
		v.place(v.small(list, chosen, columns), len(v.imageLines))
	}
	v.imageLines = kit.Indent(v.imageLines[:min(len(v.imageLines), height)], imageMargin)
}

// layOutAbove draws the large image, the others at its right, and the caption.
func (v *Vision) layOutAbove(list []namedImage, width, height int) {
	left, columns := kit.Column(width)
	chosen := v.current(len(list))
	if height >= minImageHeight {
		rows := min(height/3, 10)
		large := v.images.Pixels(list[chosen].image, v.look.Theme.Shade, columns, rows)
		images := []drawnImage{{chosen, large}}
		if len(large) > 0 {
			images = append(images, v.small(list, chosen, columns-kit.Width(large[0])-2)...)
		}
		v.place(images, 0)
	}
	v.imageLines = append(v.imageLines, v.captions(list, chosen, columns)[0])
	v.imageLines = kit.Indent(v.imageLines, left)
	for i := range v.placements {
		v.placements[i].area = v.placements[i].area.Add(image.Pt(left-imageMargin, 0))
	}
}

// A drawnImage is an image as lines.
type drawnImage struct {
	index int
	lines []string
}

// small draws the other images that fit.
func (v *Vision) small(list []namedImage, chosen, columns int) []drawnImage {
	var images []drawnImage
	for i, x := range list {
		if i == chosen || columns < smallColumns {
			continue
		}
		lines := v.images.Blocks(x.image, v.look.Theme.Shade, smallColumns, smallRows)
		if len(lines) > 0 {
			images = append(images, drawnImage{i, lines})
			columns -= kit.Width(lines[0]) + 2
		}
	}
	return images
}

// place puts images beside each other, from a row on.
func (v *Vision) place(images []drawnImage, row int) {
	rows := 0
	for _, p := range images {
		rows = max(rows, len(p.lines))
	}
	lines := make([]string, rows)
	at := 0
	for _, p := range images {
		if len(p.lines) == 0 {
			continue
		}
		width := kit.Width(p.lines[0])
		for i := range lines {
			if gap := at - kit.Width(lines[i]); i < len(p.lines) {
				lines[i] += strings.Repeat(" ", gap) + p.lines[i]
			}
		}
		v.placements = append(v.placements, placement{p.index, image.Rect(at, row, at+width, row+len(p.lines)).Add(image.Pt(imageMargin, 0))})
		at += width + 2
	}
	v.imageLines = append(v.imageLines, lines...)
}

// captions returns the image's name, size and token count in one line or two, or the model's
// lack of a vision encoder.
func (v *Vision) captions(list []namedImage, chosen, columns int) []string {
	x := list[chosen]
	name := kit.OneLine(x.name)
	if name == "" {
		name = "image"
	}
	about := strings.TrimSpace(vision.Caption("", x.image.Width, x.image.Height, v.tokens[countKey{x.image, v.model}]))
	switch {
	case x.image.Err != nil:
		about = "no preview"
	case about == "":
		about = "…"
	}
	if err := v.check(); err != nil {
		about = err.Error() + ": " + kit.KeyOr(v.look.Keys.Models, "/model") + " another model"
	}
	lines := []string{name + " " + about}
	if kit.Width(lines[0]) > columns {
		room := max(1, columns-kit.Width(about)-1)
		if room >= 8 {
			lines = []string{kit.Truncate(name, room) + " " + about}
		} else {
			lines = append([]string{kit.Truncate(name, columns)}, kit.Wrap(about, columns)...)
		}
	}
	return kit.StyleLines(v.look.Theme.Muted, lines)
}

func (v *Vision) View() ([]string, *tea.Cursor) {
	lines, cursor := v.Chat.View()
	if len(v.imageLines) == 0 {
		return lines, cursor
	}
	if cursor != nil {
		cursor.X += v.imageSpace.X
		cursor.Y += v.imageSpace.Y
	}
	if !v.beside {
		return slices.Concat(v.imageLines, lines), cursor
	}
	out := make([]string, max(len(lines), len(v.imageLines)))
	for i := range out {
		if i < len(v.imageLines) {
			out[i] = v.imageLines[i]
		}
		if i < len(lines) && lines[i] != "" {
			out[i] += strings.Repeat(" ", max(0, v.imageSpace.X-kit.Width(out[i]))) + lines[i]
		}
	}
	return out, cursor
}

// Click selects an image, or goes to the conversation.
func (v *Vision) Click(x, y int) kit.Outcome {
	for _, h := range v.placements {
		if image.Pt(x, y).In(h.area) {
			v.chosen = h.index
			return kit.Handled(nil)
		}
	}
	if x < v.imageSpace.X || y < v.imageSpace.Y {
		return kit.Handled(nil)
	}
	return v.Chat.Click(x-v.imageSpace.X, y-v.imageSpace.Y)
}
