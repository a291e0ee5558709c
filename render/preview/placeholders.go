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

// ID is the number by which a terminal knows a picture at a size in cells: the same
// for the same pixels. It fits the colour of a character, by which placeholders name
// it, and is not 0.
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

// Send gives what sends a picture to a terminal with Placeholders, to be shown in so
// many cells. Nothing is seen of it.
func (t Terminal) Send(img image.Image, size image.Point) string {
	size = bounded(size)
	return t.through(t.pixels(img, size), &kitty.Options{
		Action: kitty.TransmitAndPut, Transmission: kitty.Direct, Format: kitty.PNG, Quiet: 2, Chunk: true,
		ID: ID(img, size), Columns: size.X, Rows: size.Y, VirtualPlacement: true,
	})
}

// Forget gives what has a terminal free a picture that was sent, by its [ID].
func (t Terminal) Forget(id int) string {
	o := kitty.Options{Action: kitty.Delete, Delete: kitty.DeleteID, DeleteResources: true, ID: id, Quiet: 2}
	return t.wrap(ansi.KittyGraphics(nil, o.Options()...))
}

func (t Terminal) through(img image.Image, o *kitty.Options) string {
	var b bytes.Buffer
	o.ChunkFormatter = t.wrap
	_ = kitty.EncodeGraphics(&b, img, o) // to memory, from pixels
	return b.String()
}

// wrap has a sequence reach the terminal around tmux.
func (t Terminal) wrap(sequence string) string {
	if t.Tmux {
		return ansi.TmuxPassthrough(sequence)
	}
	return sequence
}

// placeholders are the characters in whose place a terminal shows a picture: the
// colour names it, and two marks on each name the row and the column.
func placeholders(id int, size image.Point) []string {
	named := ansi.NewStyle().ForegroundColor(color.RGBA{R: uint8(id >> 16), G: uint8(id >> 8), B: uint8(id), A: 255}).String()
	lines := make([]string, size.Y)
	for row := range lines {
		var b strings.Builder
		b.WriteString(named)
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
