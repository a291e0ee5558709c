package attach

import (
	"bytes"
	"encoding/binary"
	"image"
)

// orientation returns the EXIF orientation of an image, 1 (upright) if it has none. EXIF is a TIFF file within others.
//
// CIPA DC-008 (EXIF 2.32), 4.6.4; for where it is in PNG and WebP, PNG's third edition
// and WebP's container specification.
func orientation(data []byte) int {
	switch kindOf(data).name {
	case "JPEG":
		return fromTIFF(exifOfJPEG(data))
	case "PNG":
		return fromTIFF(exifOfPNG(data))
	case "WebP":
		for id, body := range webpChunks(data) {
			if id == "EXIF" {
				return fromTIFF(bytes.TrimPrefix(body, exifMark))
			}
		}
	case "TIFF":
		return fromTIFF(data)
	}
	return 1
}

var exifMark = []byte("Exif\x00\x00")

// exifOfJPEG looks through the segments before the picture.
func exifOfJPEG(data []byte) []byte {
	for at := 2; at+4 <= len(data) && data[at] == 0xff; {
		marker := data[at+1]
		if marker == 0xff { // a fill byte
			at++
			continue
		}
		size := int(binary.BigEndian.Uint16(data[at+2:]))
		if marker == 0xda || size < 2 || at+2+size > len(data) { // the picture begins
			return nil
		}
		body := data[at+4 : at+2+size]
		if exif, ok := bytes.CutPrefix(body, exifMark); ok && marker == 0xe1 {
			return exif
		}
		at += 2 + size
	}
	return nil
}

// exifOfPNG looks through a PNG's chunks.
func exifOfPNG(data []byte) []byte {
	for at := 8; at+12 <= len(data); {
		size := uint64(binary.BigEndian.Uint32(data[at:]))
		if size > uint64(len(data)-at-12) {
			return nil
		}
		if string(data[at+4:at+8]) == "eXIf" {
			return data[at+8 : at+8+int(size)]
		}
		at += 12 + int(size)
	}
	return nil
}

// fromTIFF reads the orientation in the first directory of a TIFF file.
func fromTIFF(data []byte) int {
	const upright, tag, short, head, entry = 1, 0x0112, 3, 8, 12
	if len(data) < head {
		return upright
	}
	var order binary.ByteOrder = binary.BigEndian
	if data[0] == 'I' {
		order = binary.LittleEndian
	}
	at := uint64(order.Uint32(data[4:]))
	if at+2 > uint64(len(data)) {
		return upright
	}
	n := int(order.Uint16(data[at:]))
	entries := data[at+2:]
	for ; n > 0 && len(entries) >= entry; n-- {
		if order.Uint16(entries) == tag && order.Uint16(entries[2:]) == short {
			if v := int(order.Uint16(entries[8:])); v >= 1 && v <= 8 {
				return v
			}
			return upright
		}
		entries = entries[entry:]
	}
	return upright
}

// upright turns a picture that has an orientation.
func upright(img *image.RGBA, orientation int) *image.RGBA {
	if orientation == 1 {
		return img
	}
	w, h := img.Rect.Dx(), img.Rect.Dy()
	size := image.Rect(0, 0, w, h)
	if orientation >= 5 {
		size = image.Rect(0, 0, h, w)
	}
	out := image.NewRGBA(size)
	for y := range h {
		for x := range w {
			at := turned(orientation, x, y, w, h)
			out.SetRGBA(at.X, at.Y, img.RGBAAt(img.Rect.Min.X+x, img.Rect.Min.Y+y))
		}
	}
	return out
}

// turned is where a pixel of a picture of w×h goes.
func turned(orientation, x, y, w, h int) image.Point {
	switch orientation {
	case 2:
		return image.Pt(w-1-x, y)
	case 3:
		return image.Pt(w-1-x, h-1-y)
	case 4:
		return image.Pt(x, h-1-y)
	case 5:
		return image.Pt(y, x)
	case 6:
		return image.Pt(h-1-y, x)
	case 7:
		return image.Pt(h-1-y, w-1-x)
	case 8:
		return image.Pt(y, w-1-x)
	}
	return image.Pt(x, y)
}
