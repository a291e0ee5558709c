package attach

import (
	"encoding/base64"
	"errors"
	"fmt"
	"image"

	"golang.org/x/image/draw"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/preprocess"
	"github.com/bise-sh/bise/units"
)

const (
	// MaxImage is the largest image file, in bytes.
	MaxImage = 20_000_000
	// maxThumb is the longer side of a thumbnail, in pixels.
	maxThumb = 800
)

// An Image is one that a model can be shown.
type Image struct {
	Name          string      // for users
	Format        string      // of the file: PNG, JPEG, …
	Width, Height int         // in pixels, upright
	Frames        int         // of an animation, of which this is the first; else 1
	URL           string      // data:, for the request
	Thumb         *image.RGBA // for previews; opaque
}

const smaller = "Resize the image: models use at most 1540 pixels a side."

// ReadImage reads an image file. It recognises the format by the bytes, checks the
// dimensions before it decodes, and decodes everything, so that a damaged file is
// found here and not by a model.
//
// A file that every server decodes is sent unchanged: PNG or JPEG without
// transparency. A rotated image (EXIF) is turned upright, transparent
// pixels become white, and other formats become PNG.
func ReadImage(name string, data []byte) (Image, error) {
	k := kindOf(data)
	switch {
	case len(data) == 0:
		return Image{}, refused(name, "", "it is empty")
	case len(data) > MaxImage:
		return Image{}, refused(name, smaller, "it is larger than %s", units.Size(MaxImage))
	case !k.read:
		return Image{}, refused(name, k.advice(name), "%s", k.is())
	}
	i := Image{Name: name, Format: k.name, Frames: frames(k.name, data)}
	img, portable, err := preprocess.ReadPortable(data)
	if k.name == "WebP" && i.Frames > 1 {
		img, err = firstOfWebP(data)
	}
	if err != nil {
		return Image{}, unreadable(name, k, err)
	}
	turn := orientation(data)
	img = upright(img, turn)
	i.show(img)
	if portable && turn == 1 && i.Frames == 1 {
		i.URL = dataURL(k.media, data)
	} else {
		i.URL = encoded(img, k.name != "JPEG", MaxImage)
	}
	return i, nil
}

// show sets what an image shows.
func (i *Image) show(img *image.RGBA) {
	i.Width, i.Height = img.Rect.Dx(), img.Rect.Dy()
	i.Thumb = thumb(img)
}

// Resize returns the image in another size.
func (i Image) Resize(width, height int) (Image, error) {
	img, err := preprocess.Decode(i.URL)
	if err != nil {
		return Image{}, fmt.Errorf("resize %s: %w", i.Name, err)
	}
	img = scaled(img, width, height)
	i.show(img)
	i.URL = encoded(img, true, MaxImage)
	return i, nil
}

// unreadable says why an image cannot be decoded.
func unreadable(name string, k kind, err error) error {
	cause := errors.Unwrap(err)
	switch {
	case preprocess.IsUnsupported(err):
		return refused(name, k.advice(name), "bise does not read this kind of %s image (%v)", k.name, cause)
	case cause != nil:
		return refused(name, "Get the file again, or save it with another program.", "the %s image is damaged or truncated (%v)", k.name, cause)
	}
	return refused(name, smaller, "%v", err)
}

// refused is the error of an image that cannot be attached.
func refused(name, advice, why string, args ...any) error {
	e := fault.Errorf(fault.Invalid, "cannot read %s: %s", name, fmt.Sprintf(why, args...))
	e.Advice, e.Param = advice, "image"
	return e
}

func thumb(img *image.RGBA) *image.RGBA {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	if longest := max(w, h); longest > maxThumb {
		w, h = max(1, w*maxThumb/longest), max(1, h*maxThumb/longest)
		return scaled(img, w, h)
	}
	return img
}

func scaled(img *image.RGBA, width, height int) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.ApproxBiLinear.Scale(out, out.Rect, img, img.Rect, draw.Src, nil)
	return out
}

func dataURL(media string, data []byte) string {
	return "data:" + media + ";base64," + base64.StdEncoding.EncodeToString(data)
}
