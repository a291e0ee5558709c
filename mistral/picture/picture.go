// Package picture reads images and brings them to the size that a model's
// vision tower takes, as Mistral's reference does.
package picture

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/draw"
	"math"
	"strings"

	// The formats that images come in.
	_ "image/gif"
	_ "image/png"

	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/tiff"
	_ "golang.org/x/image/webp"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/picture/jpeg"
)

const (
	maxBytes  = 32 << 20 // of a file
	maxPixels = 64 << 20 // when decoded, 4 bytes each
)

// Size is an image's width and height in pixels, from its head.
func Size(url string) (width, height int, err error) {
	data, err := bytesOf(url)
	if err != nil {
		return 0, 0, err
	}
	return Head(data)
}

// Head is an image file's width and height in pixels, as its head says. No more of
// it is read: the rest may be missing. What cannot be read is an error with what is
// wrong as its cause, and what is too large one without.
func Head(data []byte) (width, height int, err error) {
	c, err := config(data)
	if err != nil {
		return 0, 0, bad("the image cannot be read: %w", err)
	}
	if c.Width <= 0 || c.Height <= 0 || c.Width > maxPixels/c.Height {
		return 0, 0, bad("the image has %d×%d pixels; up to %d million can be read", c.Width, c.Height, maxPixels>>20)
	}
	return c.Width, c.Height, nil
}

// Decode reads the image of a data: URL, over white where it is transparent.
func Decode(url string) (*image.RGBA, error) {
	data, err := bytesOf(url)
	if err != nil {
		return nil, err
	}
	return Read(data)
}

// Read decodes an image file, over white where it is transparent. An image that is
// larger than its head says is refused; the first of a moving one stands on the
// canvas that all of them share.
func Read(data []byte) (*image.RGBA, error) {
	width, height, err := Head(data)
	if err != nil {
		return nil, err
	}
	img, err := decode(data)
	if err != nil {
		return nil, bad("the image cannot be read: %w", err)
	}
	if ycc, ok := img.(*image.YCbCr); ok {
		if out := likeLibjpeg(ycc); out != nil {
			return out, nil
		}
	}
	canvas := image.Rect(0, 0, width, height)
	b := img.Bounds()
	if !b.In(canvas) {
		return nil, bad("the image has %d×%d pixels and says that it has %d×%d", b.Dx(), b.Dy(), width, height)
	}
	out := image.NewRGBA(canvas)
	draw.Draw(out, canvas, image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(out, b, img, b.Min, draw.Over)
	return out, nil
}

func isJPEG(data []byte) bool { return bytes.HasPrefix(data, []byte("\xff\xd8")) }

func config(data []byte) (image.Config, error) {
	if isJPEG(data) {
		return jpeg.DecodeConfig(bytes.NewReader(data))
	}
	c, _, err := image.DecodeConfig(bytes.NewReader(data))
	return c, err
}

func decode(data []byte) (image.Image, error) {
	if isJPEG(data) {
		return jpeg.Decode(bytes.NewReader(data))
	}
	img, _, err := image.Decode(bytes.NewReader(data))
	return img, err
}

// bytesOf decodes a data: URL. No other is fetched.
func bytesOf(url string) ([]byte, error) {
	head, data, ok := strings.Cut(url, ",")
	if !ok || !strings.HasPrefix(head, "data:") {
		return nil, bad("an image has to be given as a data: URL")
	}
	if !strings.HasSuffix(head, ";base64") {
		return nil, bad("an image's data: URL has to be in base64")
	}
	if base64.StdEncoding.DecodedLen(len(data)) > maxBytes {
		return nil, bad("the image has more than %d MB", maxBytes>>20)
	}
	out, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		return nil, bad("the image's data: URL is not base64")
	}
	return out, nil
}

func bad(format string, args ...any) *fault.Error {
	err := fault.Errorf(fault.Invalid, format, args...)
	err.Param = "messages"
	return err
}

// Stretch brings an image to width×height pixels, not keeping its shape, and
// returns their red, green and blue from 0 to 255, row by row. It is OpenCV's
// INTER_CUBIC on float32, which the reference uses: a cubic with a = −0.75 over four
// pixels, edges repeated, without smoothing when the image gets smaller. Beside
// sharp edges values overshoot, which the reference leaves as it is.
func Stretch(img *image.RGBA, width, height int) []float32 {
	b := img.Bounds()
	out := make([]float32, 0, 3*width*height)
	if b.Dx() == width && b.Dy() == height {
		for i := 0; i < len(img.Pix); i += 4 {
			out = append(out, float32(img.Pix[i]), float32(img.Pix[i+1]), float32(img.Pix[i+2]))
		}
		return out
	}
	xs, ys := taps(b.Dx(), width), taps(b.Dy(), height)
	// Rows of the source, already stretched sideways, by their number.
	rows := map[int][]float32{}
	for _, ty := range ys {
		for _, at := range ty.at {
			if rows[at] == nil {
				rows[at] = sideways(img, at, xs)
			}
		}
		for i := range 3 * width {
			var v float32
			for k, at := range ty.at {
				v += ty.weight[k] * rows[at][i]
			}
			out = append(out, v)
		}
		for at := range rows {
			if at < ty.at[0] {
				delete(rows, at)
			}
		}
	}
	return out
}

// sideways is one row of an image stretched to the places of xs.
func sideways(img *image.RGBA, y int, xs []tap) []float32 {
	row := img.Pix[y*img.Stride:]
	out := make([]float32, 3*len(xs))
	for x, t := range xs {
		for c := range 3 {
			var v float32
			for k, at := range t.at {
				v += t.weight[k] * float32(row[4*at+c])
			}
			out[3*x+c] = v
		}
	}
	return out
}

// A tap is the four pixels that one pixel is made of.
type tap struct {
	at     [4]int
	weight [4]float32
}

// taps maps n places onto size pixels, pixel centres to pixel centres.
func taps(size, n int) []tap {
	const a = -0.75
	scale := float64(size) / float64(n)
	out := make([]tap, n)
	for i := range out {
		f := float32((float64(i)+0.5)*scale - 0.5)
		s := int(math.Floor(float64(f)))
		f -= float32(s)
		w := &out[i].weight
		w[0] = ((a*(f+1)-5*a)*(f+1)+8*a)*(f+1) - 4*a
		w[1] = ((a+2)*f-(a+3))*f*f + 1
		w[2] = ((a+2)*(1-f)-(a+3))*(1-f)*(1-f) + 1
		w[3] = 1 - w[0] - w[1] - w[2]
		for k := range 4 {
			out[i].at[k] = min(max(s-1+k, 0), size-1)
		}
	}
	return out
}
