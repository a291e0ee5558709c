package preprocess

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image/png"
	"slices"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"github.com/bise-sh/bise/mistral/preprocess/jpeg"
)

// IsUnsupported reports whether an error is that of a valid image that has a feature
// without a decoder, such as arithmetic coding in a JPEG file.
func IsUnsupported(err error) bool {
	_, inPNG := errors.AsType[png.UnsupportedError](err)
	_, inJPEG := errors.AsType[jpeg.UnsupportedError](err)
	_, inTIFF := errors.AsType[tiff.UnsupportedError](err)
	return inPNG || inJPEG || inTIFF || errors.Is(err, bmp.ErrUnsupported)
}

const pngSignature = "\x89PNG\r\n\x1a\n"

// repaired returns an image file without damage that leaves the image whole, which
// other programs ignore too: ancillary chunks of a PNG with a wrong checksum, and a
// missing end. It returns other files as they are.
func repaired(data []byte) []byte {
	if isJPEG(data) {
		return append(slices.Clip(data), 0xff, 0xd9)
	}
	if !bytes.HasPrefix(data, []byte(pngSignature)) {
		return data
	}
	out := []byte(pngSignature)
	for rest := data[len(pngSignature):]; len(rest) > 0; {
		const around = 12 // length, type and checksum
		size := uint64(len(rest))
		if len(rest) >= around {
			size = uint64(binary.BigEndian.Uint32(rest)) + around
		}
		whole := size <= uint64(len(rest)) && len(rest) >= around
		ancillary := len(rest) >= 8 && rest[4]&0x20 != 0
		end := len(rest) < 8 || string(rest[4:8]) == "IEND"
		switch {
		case !whole && (ancillary || end): // cut off after the image
			rest = nil
			continue
		case !whole:
			return data
		}
		chunk := rest[:size]
		if !ancillary || crc32.ChecksumIEEE(chunk[4:size-4]) == binary.BigEndian.Uint32(chunk[size-4:]) {
			out = append(out, chunk...)
		}
		if end {
			return out
		}
		rest = rest[size:]
	}
	return append(out, "\x00\x00\x00\x00IEND\xaeB`\x82"...)
}
