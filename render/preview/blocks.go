package preview

import (
	"image"
	"image/color"
	"image/draw"
	"slices"
	"strings"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
)

// shades are characters from empty to full.
var shades = []rune(" ░▒▓█")

// blocks draws a picture with characters, one line of text for each row of cells.
func (t Terminal) blocks(img image.Image, size image.Point) []string {
	if t.Profile < colorprofile.ANSI {
		return t.shaded(img, size)
	}
	pixels := scaled(img, size.X, 2*size.Y)
	at := func(x, y int) color.Color { return pixels.RGBAAt(x, y) }
	if p := paletteOf(t.Profile); p != nil {
		dithered := dither(pixels, p)
		at = func(x, y int) color.Color { return p[dithered.ColorIndexAt(x, y)] }
	}
	lines := make([]string, size.Y)
	for row := range lines {
		var b strings.Builder
		var upper, lower color.Color
		for x := range size.X {
			if u, l := at(x, 2*row), at(x, 2*row+1); u != upper || l != lower {
				upper, lower = u, l
				b.WriteString(ansi.NewStyle().ForegroundColor(u).BackgroundColor(l).String())
			}
			b.WriteRune('▀')
		}
		b.WriteString(ansi.ResetStyle)
		lines[row] = b.String()
	}
	return lines
}

// shaded draws a picture without colours.
func (t Terminal) shaded(img image.Image, size image.Point) []string {
	greys := make(color.Palette, len(shades))
	for i := range greys {
		greys[i] = color.Gray{uint8(255 * i / (len(greys) - 1))}
	}
	dithered := dither(stretched(scaled(img, size.X, size.Y)), greys)
	lines := make([]string, size.Y)
	for row := range lines {
		var b strings.Builder
		for x := range size.X {
			i := int(dithered.ColorIndexAt(x, row))
			if t.Light {
				i = len(shades) - 1 - i
			}
			b.WriteRune(shades[i])
		}
		lines[row] = b.String()
	}
	return lines
}

// stretched returns a picture's lightness, stretched over the whole range so that few
// shades show much. A nearly even picture stays as it is.
func stretched(img *image.RGBA) *image.Gray {
	out := image.NewGray(img.Bounds())
	draw.Draw(out, out.Bounds(), img, img.Bounds().Min, draw.Src)
	darkest, lightest := int(slices.Min(out.Pix)), int(slices.Max(out.Pix))
	const least = 32
	if lightest-darkest < least {
		return out
	}
	for i, v := range out.Pix {
		out.Pix[i] = uint8((int(v) - darkest) * 255 / (lightest - darkest))
	}
	return out
}

// paletteOf returns the colours of a terminal, nil for one with 24-bit colours.
func paletteOf(p colorprofile.Profile) color.Palette {
	switch p {
	case colorprofile.ANSI:
		list := make(color.Palette, 16)
		for i := range list {
			list[i] = ansi.BasicColor(i)
		}
		return list
	case colorprofile.ANSI256:
		// The user can choose the first sixteen colours, so their values are unknown.
		list := make(color.Palette, 240)
		for i := range list {
			list[i] = ansi.IndexedColor(16 + i)
		}
		return list
	}
	return nil
}

// dither returns a picture in the colours of a palette.
func dither(img image.Image, p color.Palette) *image.Paletted {
	out := image.NewPaletted(img.Bounds(), p)
	draw.FloydSteinberg.Draw(out, out.Bounds(), img, img.Bounds().Min)
	return out
}
