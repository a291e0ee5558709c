package vision

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"
)

// encoded is a picture as a data: URL that every server takes: PNG when it came
// without loss and has not more than limit bytes so, else a JPEG in which no loss is
// seen. What still has more is made smaller by halves.
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
