package attach

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"
)

// encoded returns an image as a data: URL that every server accepts: PNG if it came
// without loss and fits limit bytes, else a JPEG of high quality. What is still too
// large is halved.
func encoded(img *image.RGBA, lossless bool, limit int) string {
	for {
		if lossless {
			var b bytes.Buffer
			if png.Encode(&b, img) == nil && b.Len() <= limit {
				return dataURL("image/png", b.Bytes())
			}
		}
		var b bytes.Buffer
		if jpeg.Encode(&b, img, &jpeg.Options{Quality: 95}) == nil && b.Len() <= limit {
			return dataURL("image/jpeg", b.Bytes())
		}
		img = scaled(img, (img.Rect.Dx()+1)/2, (img.Rect.Dy()+1)/2)
	}
}
