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

// Draw returns what shows a picture of a size in cells at the cursor, which must be at
// the beginning of a line. The cursor moves to the beginning of the line below. Draw is
// for terminals that are written line by line.
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

// Lines draws a picture as text: one string for each row of cells, with one character
// for each column. With Placeholders, [Terminal.Send] must send the picture before, at
// the same size. Every other protocol gives half blocks.
func (t Terminal) Lines(img image.Image, size image.Point) []string {
	size = bounded(size)
	if t.Protocol == Placeholders {
		return placeholders(ID(img, size), size)
	}
	return t.blocks(img, size)
}

func joined(lines []string) string { return strings.Join(lines, "\n") + "\n" }

// placed returns a sequence that draws in its own rows, wherever the terminal leaves
// the cursor: it makes the rows first, so that drawing does not scroll, and moves the
// cursor below them afterwards.
func placed(sequence string, rows int) string {
	return strings.Repeat("\n", rows) + ansi.CursorUp(rows) + ansi.SaveCursor + sequence + ansi.RestoreCursor + ansi.CursorDown(rows)
}

// sequence returns what draws a picture at the cursor. Encoding pixels to memory cannot
// fail.
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
