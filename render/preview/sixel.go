package preview

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
)

// sixelRows is the rows of pixels in a character of Sixel.
const sixelRows = 6

// sixels returns a picture in Sixel's data format: first its colours, then for each
// band of six rows, and each colour in the band, the pixels of that colour. The palette
// is the same for all pictures, and dithering makes up for it. The encoder of
// charmbracelet/x/ansi loses pixels.
//
// Format: VT330/VT340 Programmer Reference Manual, chapter 14.
func sixels(img image.Image) []byte {
	b := img.Bounds()
	pixels := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	draw.Draw(pixels, pixels.Bounds(), img, b.Min, draw.Src)
	cube := ditherToCube(pixels)
	var out bytes.Buffer
	fmt.Fprintf(&out, `"1;1;%d;%d`, b.Dx(), b.Dy())
	var used [cubeColours]bool
	for _, c := range cube {
		used[c] = true
	}
	for c, is := range used {
		if is {
			v := fromCube(c)
			fmt.Fprintf(&out, "#%d;2;%d;%d;%d", c, percent(v[0]), percent(v[1]), percent(v[2]))
		}
	}
	for top := 0; top < b.Dy(); top += sixelRows {
		if top > 0 {
			out.WriteByte('-')
		}
		writeBand(&out, cube[top*b.Dx():min(top+sixelRows, b.Dy())*b.Dx()], b.Dx())
	}
	return out.Bytes()
}

func percent(channel int) int { return (channel*100 + 127) / 255 }

// cube has the numbers of evenly spaced levels of red, green and blue.
var cube = [3]int{6, 7, 6}

const cubeColours = 6 * 7 * 6

// fromCube returns the red, green and blue of a colour of the cube.
func fromCube(c int) (v [3]int) {
	for i := 2; i >= 0; i-- {
		v[i] = c % cube[i] * 255 / (cube[i] - 1)
		c /= cube[i]
	}
	return v
}

// ditherToCube returns the colour of each pixel after Floyd–Steinberg dithering.
// image/draw has it for any palette, but compares each pixel with every colour.
func ditherToCube(img *image.RGBA) []uint8 {
	width, height := img.Rect.Dx(), img.Rect.Dy()
	out := make([]uint8, 0, width*height)
	row, below := make([][3]int, width+2), make([][3]int, width+2) // error to add, in sixteenths, from one pixel left of the picture on
	for y := range height {
		for x := range width {
			pixel := img.Pix[y*img.Stride+4*x:]
			c := 0
			for i, levels := range cube {
				v := max(0, min(int(pixel[i])+row[x+1][i]/16, 255))
				level := (v*(levels-1) + 127) / 255
				c = c*levels + level
				diff := v - level*255/(levels-1)
				row[x+2][i] += 7 * diff
				below[x][i] += 3 * diff
				below[x+1][i] += 5 * diff
				below[x+2][i] += diff
			}
			out = append(out, uint8(c))
		}
		row, below = below, row
		clear(below)
	}
	return out
}

// writeBand writes up to six rows, colour by colour.
func writeBand(b *bytes.Buffer, pixels []uint8, width int) {
	var columns [cubeColours][]byte // for each colour, a bit set of the rows in each column
	for i, c := range pixels {
		if columns[c] == nil {
			columns[c] = make([]byte, width)
		}
		columns[c][i%width] |= 1 << (i / width)
	}
	first := true
	for c, rows := range columns {
		if rows == nil {
			continue
		}
		if !first {
			b.WriteByte('$') // return to the left
		}
		first = false
		fmt.Fprintf(b, "#%d", c)
		for x := 0; x < width; {
			n := 1
			for x+n < width && rows[x+n] == rows[x] {
				n++
			}
			writeRun(b, n, '?'+rows[x])
			x += n
		}
	}
}

func writeRun(b *bytes.Buffer, n int, char byte) {
	if n > 3 {
		fmt.Fprintf(b, "!%d%c", n, char)
		return
	}
	for range n {
		b.WriteByte(char)
	}
}
