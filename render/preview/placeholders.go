package preview

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/ansi/kitty"
)

// ID returns the number that identifies a picture at a size in cells: the same for the
// same pixels. It fits into a colour, which is how placeholders refer to it, and is not
// 0.
func ID(img image.Image, size image.Point) int {
	size = bounded(size)
	sum := sha256.New()
	fmt.Fprintf(sum, "%d×%d", size.X, size.Y)
	b := img.Bounds()
	row := make([]byte, 0, 8*b.Dx())
	for y := b.Min.Y; y < b.Max.Y; y++ {
		row = row[:0]
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, b, _ := img.At(x, y).RGBA()
			row = append(row, byte(r>>8), byte(g>>8), byte(b>>8))
		}
		sum.Write(row)
	}
	return int(binary.BigEndian.Uint32(sum.Sum(nil))>>8) | 1
}

// Send returns the sequence that sends a picture of a size in cells to a terminal with
// Placeholders. The terminal shows nothing yet.
func (t Terminal) Send(img image.Image, size image.Point) string {
	size = bounded(size)
	return t.through(t.pixels(img, size), &kitty.Options{
		Action: kitty.TransmitAndPut, Transmission: kitty.Direct, Format: kitty.PNG, Quiet: 2, Chunk: true,
		ID: ID(img, size), Columns: size.X, Rows: size.Y, VirtualPlacement: true,
	})
}

// Forget returns the sequence that makes a terminal free a sent picture, by its [ID].
func (t Terminal) Forget(id int) string {
	o := kitty.Options{Action: kitty.Delete, Delete: kitty.DeleteID, DeleteResources: true, ID: id, Quiet: 2}
	return t.wrap(ansi.KittyGraphics(nil, o.Options()...))
}

func (t Terminal) through(img image.Image, o *kitty.Options) string {
	var b bytes.Buffer
	o.ChunkFormatter = t.wrap
	_ = kitty.EncodeGraphics(&b, img, o) // encoding pixels to memory cannot fail
	return b.String()
}

// wrap makes a sequence reach the terminal around tmux.
func (t Terminal) wrap(sequence string) string {
	if t.Tmux {
		return ansi.TmuxPassthrough(sequence)
	}
	return sequence
}

// placeholders returns the characters that a terminal replaces by a picture: their
// colour is its ID, and two diacritics on each are its row and column.
func placeholders(id int, size image.Point) []string {
	colour := ansi.NewStyle().ForegroundColor(color.RGBA{R: uint8(id >> 16), G: uint8(id >> 8), B: uint8(id), A: 255}).String()
	lines := make([]string, size.Y)
	for row := range lines {
		var b strings.Builder
		b.WriteString(colour)
		for column := range size.X {
			b.WriteRune(kitty.Placeholder)
			b.WriteRune(kitty.Diacritic(row))
			b.WriteRune(kitty.Diacritic(column))
		}
		b.WriteString(ansi.ResetStyle)
		lines[row] = b.String()
	}
	return lines
}
