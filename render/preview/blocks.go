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

// blocks draws a picture with the characters of a terminal, one line of text for
// each row of cells.
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

// stretched is a picture's lightness, spread over the whole range: few shades are to
// show as much as they can. What is nearly even stays so.
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

// paletteOf are the colours of a terminal that does not have all of them, nil for
// one that has.
func paletteOf(p colorprofile.Profile) color.Palette {
	switch p {
	case colorprofile.ANSI:
		list := make(color.Palette, 16)
		for i := range list {
			list[i] = ansi.BasicColor(i)
		}
		return list
	case colorprofile.ANSI256:
		// The first sixteen are the person's own choice, not what their numbers say.
		list := make(color.Palette, 240)
		for i := range list {
			list[i] = ansi.IndexedColor(16 + i)
		}
		return list
	}
	return nil
}

// dither spreads what a palette cannot say over the pixels around.
func dither(img image.Image, p color.Palette) *image.Paletted {
	out := image.NewPaletted(img.Bounds(), p)
	draw.FloydSteinberg.Draw(out, out.Bounds(), img, img.Bounds().Min)
	return out
}
