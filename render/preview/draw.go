package preview

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/png"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/ansi/iterm2"
	"github.com/charmbracelet/x/ansi/kitty"
)

// Draw gives what shows a picture in so many cells from where the cursor is, at a
// line's beginning, and leaves the cursor at the beginning of the line below. It is
// for a terminal that is written to line by line.
func (t Terminal) Draw(img image.Image, size image.Point) string {
	size = bounded(size)
	switch t.Protocol {
	case Kitty, ITerm2, Sixel:
		return placed(t.sequence(img, size), size.Y)
	case Placeholders:
		return t.Send(img, size) + joined(placeholders(ID(img, size), size))
	}
	return joined(t.blocks(img, size))
}

// Lines draws a picture as text: one string for each row of cells, of as many
// characters as there are columns. With Placeholders, which any other protocol than
// Blocks is not, it has to be sent before, at the same size.
func (t Terminal) Lines(img image.Image, size image.Point) []string {
	size = bounded(size)
	if t.Protocol == Placeholders {
		return placeholders(ID(img, size), size)
	}
	return t.blocks(img, size)
}

func joined(lines []string) string { return strings.Join(lines, "\n") + "\n" }

// placed has a sequence drawn in rows of its own, whatever the terminal does with
// the cursor meanwhile: the rows are made first, so that nothing scrolls while it
// is drawn, and the cursor is put where it belongs afterwards.
func placed(sequence string, rows int) string {
	return strings.Repeat("\n", rows) + ansi.CursorUp(rows) + ansi.SaveCursor + sequence + ansi.RestoreCursor + ansi.CursorDown(rows)
}

// sequence is what has a terminal draw a picture at the cursor. Encoding cannot
// fail: it is written to memory, from pixels.
func (t Terminal) sequence(img image.Image, size image.Point) string {
	img = t.pixels(img, size)
	var b bytes.Buffer
	switch t.Protocol {
	case Kitty:
		_ = kitty.EncodeGraphics(&b, img, &kitty.Options{
			Action: kitty.TransmitAndPut, Transmission: kitty.Direct, Format: kitty.PNG, Quiet: 2, Chunk: true,
			Columns: size.X, Rows: size.Y, DoNotMoveCursor: true,
		})
	case ITerm2:
		data := encoded(img)
		b.WriteString(ansi.ITerm2(iterm2.File{
			Inline: true, Size: int64(len(data)), Width: iterm2.Cells(size.X), Height: iterm2.Cells(size.Y), IgnoreAspectRatio: true,
			Content: base64.StdEncoding.AppendEncode(nil, data),
		}))
	case Sixel:
		b.WriteString(ansi.SixelGraphics(0, 1, 0, sixels(img)))
	}
	return b.String()
}

func encoded(img image.Image) []byte {
	var b bytes.Buffer
	_ = png.Encode(&b, img)
	return b.Bytes()
}
