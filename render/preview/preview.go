// Package preview draws pictures on a terminal.
//
// A [Terminal] says how: by one of the protocols that have terminals show pixels, or
// with half blocks where there is none. [Detect] learns it from the environment, and
// never names a protocol that the terminal is not known to have: one that is not
// obeyed is printed as garbage. [Terminal.Fit] chooses a size in cells, and
// [Terminal.Draw] gives what is to be printed where the cursor is.
//
// A program that draws whole frames, and so cannot print pixels that stay, uses
// [Terminal.Lines], which are text of one cell a character: half blocks, or the
// placeholders of a picture that [Terminal.Send] has sent before.
//
// Pictures must be opaque and are scaled down, never up. Everything here is a pure
// function of what it is given, except [Terminal.AskTmux] and [Cell].
package preview

import (
	"image"
	"math"

	"github.com/charmbracelet/colorprofile"
	"golang.org/x/image/draw"
)

// A Protocol is a way to have a terminal show a picture.
type Protocol int

const (
	// Blocks are characters of two colours, one above the other; shades where there
	// are no colours. Every terminal can show them.
	Blocks Protocol = iota
	// Kitty is the graphics protocol of the terminal of that name, shown at the cursor.
	// https://sw.kovidgoyal.net/kitty/graphics-protocol/
	Kitty
	// Placeholders are characters that Kitty's protocol replaces by parts of a
	// picture: they scroll, are drawn over and go through tmux like text.
	Placeholders
	// ITerm2 is its inline images protocol. https://iterm2.com/documentation-images.html
	ITerm2
	// Sixel is that of DEC's terminals. https://vt100.net/docs/vt3xx-gp/chapter14.html
	Sixel
)

// A Terminal is what has to be known of a terminal to draw on it. The zero value
// draws shades.
type Terminal struct {
	Protocol Protocol
	Tmux     bool                 // it is tmux, around which is the terminal that shows pictures
	Profile  colorprofile.Profile // the colours it has
	Light    bool                 // its background is light
	Cell     image.Point          // pixels of a cell; zero where it is not known
}

const (
	// mostColumns and mostRows bound a picture's size in cells, whatever is asked.
	// Placeholders have marks for 297.
	mostColumns, mostRows = 297, 200
	// mostPixels bounds what is sent of a picture, on each side.
	mostPixels = 2000
)

// cell is the size of a cell, in pixels. Where it is not known it is one that is
// rather too small, so that a picture does not reach below its rows.
func (t Terminal) cell() image.Point {
	if t.Cell.X <= 0 || t.Cell.Y <= 0 || t.Cell.X > 200 || t.Cell.Y > 200 {
		return image.Pt(8, 16)
	}
	return t.Cell
}

// Fit is the size, in cells, at which a picture of so many pixels keeps its shape
// within so many columns and rows, at least one cell.
func (t Terminal) Fit(pixels image.Point, columns, rows int) image.Point {
	columns, rows = max(1, min(columns, mostColumns)), max(1, min(rows, mostRows))
	width, height := float64(max(1, pixels.X)), float64(max(1, pixels.Y))
	unit := t.cell()
	// A half block has one pixel; the others have those of the screen.
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

// scaled brings a picture to a size in pixels.
func scaled(img image.Image, width, height int) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.CatmullRom.Scale(out, out.Bounds(), img, img.Bounds(), draw.Src, nil)
	return out
}

// pixels is a picture as it is sent to be shown in so many cells: with no more
// pixels than they have.
func (t Terminal) pixels(img image.Image, size image.Point) image.Image {
	unit, b := t.cell(), img.Bounds()
	width, height := min(size.X*unit.X, mostPixels), min(size.Y*unit.Y, mostPixels)
	if b.Dx() <= width && b.Dy() <= height && t.Protocol != Sixel {
		return img // the terminal scales it
	}
	return scaled(img, width, height)
}

// bounded is a size in cells within what is drawn at most.
func bounded(size image.Point) image.Point {
	return image.Pt(max(1, min(size.X, mostColumns)), max(1, min(size.Y, mostRows)))
}
