// Package vision is the mode for questions about pictures: it makes what a model can
// be shown of what people have.
//
// [Read] takes a picture's file in any common format and gives a [Picture], upright
// and in a format that every server takes. [Pages] does so with a document's pages and
// [Clipboard] with what was copied. [Tokens] tells what a picture costs before it is
// sent, and [Fit] makes pictures smaller where the context has no room for them as
// they are, which nothing else does. A request is that of package chat, with the
// pictures before the question: a second question about them finds them evaluated.
package vision

import (
	"encoding/base64"
	"errors"
	"fmt"
	"image"

	"golang.org/x/image/draw"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/preprocess"
)

const (
	// MaxFile is the largest file of a picture, in bytes.
	MaxFile = 20_000_000
	// maxThumb is how many pixels a thumbnail has at most on its longer side.
	maxThumb = 800
)

// A Picture is one that a model can be shown.
type Picture struct {
	Name          string      // as people know it
	Format        string      // that it came in, as people say it: PNG, JPEG, …
	Width, Height int         // of the picture, in pixels, upright
	Frames        int         // images of a moving picture, of which this is the first; else 1
	URL           string      // data:, what is sent
	Thumb         *image.RGBA // to be shown to people; opaque, and not larger than needed for that
}

// Read makes a picture of a file's bytes. What it is comes from the bytes and not from
// its name. The dimensions are checked before anything is decoded, and all of it is
// decoded, so that a damaged file is found here and not by a model.
//
// A file that models' servers take is sent as it is: pictures that lie on their side
// (EXIF) are set upright, and formats that few read become PNG. Errors are of type
// [*fault.Error] and tell what to do.
func Read(name string, data []byte) (Picture, error) {
	k := kindOf(data)
	switch {
	case len(data) == 0:
		return Picture{}, refused(name, "", "it is empty")
	case len(data) > MaxFile:
		return Picture{}, refused(name, "Make the picture smaller: models see few pixels.", "it is larger than %d MB", MaxFile/1_000_000)
	case !k.read:
		return Picture{}, refused(name, k.advice(name), "%s", k.refusal())
	}
	p := Picture{Name: name, Format: k.name, Frames: frames(k.name, data)}
	read := preprocess.Read
	if k.name == "WebP" && p.Frames > 1 {
		read = firstOfWebP
	}
	img, err := read(data)
	if err != nil {
		return Picture{}, unreadable(name, k, err)
	}
	turn := orientation(data)
	img = upright(img, turn)
	p.Width, p.Height = img.Rect.Dx(), img.Rect.Dy()
	p.Thumb = thumb(img)
	if k.sent && turn == 1 && p.Frames == 1 {
		p.URL = dataURL(k.media, data)
		return p, nil
	}
	p.URL = encoded(img, k.name != "JPEG", MaxFile)
	return p, nil
}

// unreadable says why a picture cannot be decoded.
func unreadable(name string, k kind, err error) error {
	if cause := errors.Unwrap(err); cause != nil {
		return refused(name, "Get the file again, or save it anew with another program.", "as a %s picture it is damaged or cut off (%v)", k.name, cause)
	}
	return refused(name, "Make the picture smaller: models see few pixels.", "%v", err)
}

// refused is the error of a picture that is not shown.
func refused(name, advice, why string, args ...any) error {
	e := fault.Errorf(fault.Invalid, "cannot show %s: %s", name, fmt.Sprintf(why, args...))
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
