// Package preview draws pictures on a terminal.
//
// A [Terminal] has the protocol: one that shows pixels, or half blocks for terminals
// without one. [Detect] determines it from the environment. It never names a protocol
// that the terminal may not support, because that prints garbage. [Terminal.Fit]
// chooses a size in cells, and [Terminal.Draw] returns what to print at the cursor.
//
// A program that draws complete frames cannot print pixels that stay. It uses
// [Terminal.Lines], text with one cell a character: half blocks, or the placeholders of
// a picture that [Terminal.Send] has sent before.
//
// Pictures must be opaque. They are scaled down, never up. All functions are pure,
// except [Terminal.AskTmux] and [Cell].
package preview

import (
	"image"
	"math"

	"github.com/charmbracelet/colorprofile"
	"golang.org/x/image/draw"
)

// A Protocol is a way to show a picture on a terminal.
type Protocol int

const (
	// Blocks are characters with two colours, one above the other; shades on a
	// terminal without colours. Every terminal supports them.
	Blocks Protocol = iota
	// Kitty is the graphics protocol of the terminal Kitty.
	// https://sw.kovidgoyal.net/kitty/graphics-protocol/
	Kitty
	// Placeholders are characters that Kitty's protocol replaces by parts of a
	// picture. They scroll, can be overwritten, and pass through tmux like text.
	Placeholders
	// ITerm2 is the inline images protocol of iTerm2. https://iterm2.com/documentation-images.html
	ITerm2
	// Sixel is the protocol of DEC's terminals. https://vt100.net/docs/vt3xx-gp/chapter14.html
	Sixel
)

// A Terminal has what drawing on a terminal depends on. The zero value draws shades.
type Terminal struct {
	Protocol Protocol
	Tmux     bool                 // tmux is between bise and the terminal that shows pictures
	Profile  colorprofile.Profile // its colours
	Light    bool                 // it has a light background
	Cell     image.Point          // pixels of a cell; zero if unknown
}

const (
	// maxColumns and maxRows bound a picture's size in cells. Placeholders have
	// diacritics for 297.
	maxColumns, maxRows = 297, 200
	// maxPixels bounds each side of a picture that is sent.
	maxPixels = 2000
)

// cell returns the size of a cell in pixels. An unknown size is rather too small, so
// that a picture does not reach below its rows.
func (t Terminal) cell() image.Point {
	if t.Cell.X <= 0 || t.Cell.Y <= 0 || t.Cell.X > 200 || t.Cell.Y > 200 {
		return image.Pt(8, 16)
	}
	return t.Cell
}

// Fit returns the size in cells at which a picture keeps its shape within the columns
// and rows, at least one cell.
func (t Terminal) Fit(pixels image.Point, columns, rows int) image.Point {
	columns, rows = max(1, min(columns, maxColumns)), max(1, min(rows, maxRows))
	width, height := float64(max(1, pixels.X)), float64(max(1, pixels.Y))
	unit := t.cell()
	// A half block is one pixel; the other protocols have the pixels of the screen.
	x, y := float64(unit.X), float64(unit.Y)
	if t.Protocol == Blocks {
		x, y = 1, y/x
	}
	scale := min(1, float64(columns)*x/width, float64(rows)*y/height)
	fit := func(pixels, cell float64, most int) int {
		return max(1, min(int(math.Round(pixels*scale/cell)), most))
	}
	return image.Pt(fit(width, x, columns), fit(height, y, rows))
}

// scaled returns a picture scaled to a size in pixels.
func scaled(img image.Image, width, height int) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.CatmullRom.Scale(out, out.Bounds(), img, img.Bounds(), draw.Src, nil)
	return out
}

// pixels returns a picture to send for a size in cells, with no more pixels than the
// cells have.
func (t Terminal) pixels(img image.Image, size image.Point) image.Image {
	unit, b := t.cell(), img.Bounds()
	width, height := min(size.X*unit.X, maxPixels), min(size.Y*unit.Y, maxPixels)
	if b.Dx() <= width && b.Dy() <= height && t.Protocol != Sixel {
		return img // the terminal scales it
	}
	return scaled(img, width, height)
}

// bounded returns a size in cells within the bounds.
func bounded(size image.Point) image.Point {
	return image.Pt(max(1, min(size.X, maxColumns)), max(1, min(size.Y, maxRows)))
}
