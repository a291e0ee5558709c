package markdown

import (
	"image/color"
	"math"
)

// minContrast is the contrast that readable text needs (WCAG 2.2, 1.4.3).
const minContrast = 4.5

// legible returns a colour that is readable on the background: the colour itself, or
// the nearest lighter or darker one.
func (r *Renderer) legible(c color.RGBA) color.RGBA {
	if r.Style.background == nil {
		return c
	}
	if cached, ok := r.readable[c]; ok {
		return cached
	}
	end := uint8(0xff)
	if luminance(r.Style.background) > 0.18 { // black contrasts more than white
		end = 0
	}
	lifted := c
	for step := 1; step <= 20 && contrast(lifted, r.Style.background) < minContrast; step++ {
		lifted = color.RGBA{R: towards(c.R, end, step), G: towards(c.G, end, step), B: towards(c.B, end, step), A: 0xff}
	}
	if r.readable == nil {
		r.readable = map[color.RGBA]color.RGBA{}
	}
	r.readable[c] = lifted
	return lifted
}

// towards returns the value that many twentieths of the way to end.
func towards(v, end uint8, step int) uint8 {
	return uint8(int(v) + (int(end)-int(v))*step/20)
}

// contrast returns the contrast ratio of two colours (WCAG 2.2), 1 to 21.
func contrast(a, b color.Color) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// luminance returns a colour's relative luminance (WCAG 2.2), 0 to 1.
func luminance(c color.Color) float64 {
	r, g, b, _ := c.RGBA()
	linear := func(v uint32) float64 {
		x := float64(v) / 0xffff
		if x <= 0.04045 {
			return x / 12.92
		}
		return math.Pow((x+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(r) + 0.7152*linear(g) + 0.0722*linear(b)
}
