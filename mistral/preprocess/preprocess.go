// Package preprocess decodes images and resizes them for a model's vision encoder,
// as Mistral's reference implementation does.
package preprocess

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/draw"
	"math"
	"strings"

	// The other image formats.
	_ "image/gif"
	_ "image/png"

	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/tiff"
	_ "golang.org/x/image/webp"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/preprocess/jpeg"
)

const (
	maxBytes  = 32 << 20 // of a file
	maxPixels = 64 << 20 // when decoded, 4 bytes each
)

// Size returns the width and height in pixels of the image in a data: URL. It reads
// the header only.
func Size(url string) (width, height int, err error) {
	data, err := parseDataURL(url)
	if err != nil {
		return 0, 0, err
	}
	return Dimensions(data)
}

// Dimensions returns the width and height in pixels from an image file's header. The
// rest of the file may be missing. The error has a cause if the header is unreadable,
// and none if the image is too large.
func Dimensions(data []byte) (width, height int, err error) {
	c, err := config(data)
	if err != nil {
		return 0, 0, invalid("decode image: %w", err)
	}
	if c.Width <= 0 || c.Height <= 0 || c.Width > maxPixels/c.Height {
		return 0, 0, invalid("the image has %d×%d pixels: the limit is %d million", c.Width, c.Height, maxPixels>>20)
	}
	return c.Width, c.Height, nil
}

// Decode decodes the image in a data: URL. Transparent pixels become white.
func Decode(url string) (*image.RGBA, error) {
	data, err := parseDataURL(url)
	if err != nil {
		return nil, err
	}
	return Read(data)
}

// Read decodes an image file. Transparent pixels become white. It rejects an image
// that is larger than its header says. Of an animation it returns the first frame, on
// the canvas of the whole animation.
func Read(data []byte) (*image.RGBA, error) {
	img, _, err := ReadPortable(data)
	return img, err
}

// ReadPortable is [Read]. It also reports whether the file is one that every server
// decodes to the same image: a PNG or JPEG file, without transparency and damage. The
// decoder of llama.cpp's server has no WebP, and drops the alpha channel.
func ReadPortable(data []byte) (out *image.RGBA, portable bool, err error) {
	width, height, err := Dimensions(data)
	if err != nil {
		return nil, false, err
	}
	img, err := decode(data)
	intact := err == nil
	if !intact {
		if img, _ = decode(repaired(data)); img == nil {
			return nil, false, invalid("decode image: %w", err)
		}
	}
	if opaque, ok := img.(interface{ Opaque() bool }); ok && intact {
		_, cmyk := img.(*image.CMYK)
		portable = opaque.Opaque() && !cmyk && (isJPEG(data) || bytes.HasPrefix(data, []byte(pngSignature)))
	}
	if ycc, ok := img.(*image.YCbCr); ok {
		if out := convertYCbCr(ycc); out != nil {
			return out, portable, nil
		}
	}
	canvas := image.Rect(0, 0, width, height)
	b := img.Bounds()
	if !b.In(canvas) {
		return nil, false, invalid("the image has %d×%d pixels, but its header says %d×%d", b.Dx(), b.Dy(), width, height)
	}
	out = image.NewRGBA(canvas)
	draw.Draw(out, canvas, image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(out, b, img, b.Min, draw.Over)
	return out, portable, nil
}

func isJPEG(data []byte) bool { return bytes.HasPrefix(data, []byte("\xff\xd8")) }

func config(data []byte) (image.Config, error) {
	if isJPEG(data) {
		return jpeg.DecodeConfig(bytes.NewReader(data))
	}
	c, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		if fixed, _, again := image.DecodeConfig(bytes.NewReader(repaired(data))); again == nil {
			return fixed, nil
		}
	}
	return c, err
}

func decode(data []byte) (image.Image, error) {
	if isJPEG(data) {
		return jpeg.Decode(bytes.NewReader(data))
	}
	img, _, err := image.Decode(bytes.NewReader(data))
	return img, err
}

// parseDataURL returns the content of a data: URL. Other URLs are never fetched.
func parseDataURL(url string) ([]byte, error) {
	mediaType, data, ok := strings.Cut(url, ",")
	if !ok || !strings.HasPrefix(mediaType, "data:") {
		return nil, invalid("an image must be a data: URL")
	}
	if !strings.HasSuffix(mediaType, ";base64") {
		return nil, invalid("an image's data: URL must be base64")
	}
	if base64.StdEncoding.DecodedLen(len(data)) > maxBytes {
		return nil, invalid("the image is larger than %d MB", maxBytes>>20)
	}
	out, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		return nil, invalid("the image's data: URL is not valid base64")
	}
	return out, nil
}

func invalid(format string, args ...any) *fault.Error {
	err := fault.Errorf(fault.Invalid, format, args...)
	err.Param = "messages"
	return err
}

// Resize scales an image to width×height pixels without keeping its aspect ratio. It
// returns red, green and blue from 0 to 255, row by row. It computes OpenCV's
// INTER_CUBIC on float32, as the reference does: a cubic with a = −0.75 over four
// pixels, edges repeated, no antialiasing. Values overshoot beside sharp edges, and
// the reference does not clamp them.
func Resize(img *image.RGBA, width, height int) []float32 {
	b := img.Bounds()
	out := make([]float32, 0, 3*width*height)
	if b.Dx() == width && b.Dy() == height {
		for i := 0; i < len(img.Pix); i += 4 {
			out = append(out, float32(img.Pix[i]), float32(img.Pix[i+1]), float32(img.Pix[i+2]))
		}
		return out
	}
	xs, ys := taps(b.Dx(), width), taps(b.Dy(), height)
	// Rows of the source, scaled horizontally, by row number.
	rows := map[int][]float32{}
	for _, ty := range ys {
		for _, at := range ty.at {
			if rows[at] == nil {
				rows[at] = resizeRow(img, at, xs)
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

// resizeRow scales one row of an image horizontally.
func resizeRow(img *image.RGBA, y int, xs []tap) []float32 {
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

// A tap holds the four source pixels of one output pixel, and their weights.
type tap struct {
	at     [4]int
	weight [4]float32
}

// taps maps n output pixels to size source pixels, centre to centre.
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
