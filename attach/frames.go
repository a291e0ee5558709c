package attach

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/draw"
	"slices"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/preprocess"
)

// maxCanvas is how many pixels the canvas of a moving picture has at most: what
// package picture reads of a still one.
const maxCanvas = 64 << 20

// frames counts the images of an animation. In an incomplete file, those whose
// beginning is there count.
func frames(format string, data []byte) int {
	n := 0
	switch format {
	case "GIF":
		n = gifImages(data)
	case "WebP":
		for id := range webpChunks(data) {
			if id == "ANMF" {
				n++
			}
		}
	}
	return max(1, n)
}

// gifImages counts a GIF's image descriptors.
// https://www.w3.org/Graphics/GIF/spec-gif89a.txt
func gifImages(data []byte) (n int) {
	const head, descriptor = 13, 10
	if len(data) < head {
		return 0
	}
	at := head + colourTable(data[10])
	for at < len(data) {
		switch data[at] {
		case '!': // extension: its label, then blocks
			at += 2
		case ',':
			if at+descriptor > len(data) {
				return n
			}
			n++
			at += descriptor + colourTable(data[at+9]) + 1 // and the size of a code
		default: // ';' is the end
			return n
		}
		for at < len(data) && data[at] != 0 { // blocks, an empty one last
			at += 1 + int(data[at])
		}
		at++
	}
	return n
}

// colourTable is the bytes of a GIF's colour table that flags announce.
func colourTable(flags byte) int {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}

// webpChunks are the chunks of a WebP file, with what is in them.
// https://developers.google.com/speed/webp/docs/riff_container
func webpChunks(data []byte) func(func(string, []byte) bool) {
	return func(yield func(string, []byte) bool) {
		for at := 12; at+8 <= len(data); {
			size := uint64(binary.LittleEndian.Uint32(data[at+4:]))
			if size > uint64(len(data)-at-8) {
				return
			}
			end := at + 8 + int(size)
			if !yield(string(data[at:at+4]), data[at+8:end]) {
				return
			}
			at = end + int(size%2)
		}
	}
}

// firstOfWebP decodes the first image of a moving WebP file, on the canvas that its
// images share.
func firstOfWebP(data []byte) (*image.RGBA, error) {
	const frameHead = 16 // of an ANMF chunk: place, size, duration, flags
	var canvas image.Rectangle
	for id, body := range webpChunks(data) {
		switch {
		case id == "VP8X" && len(body) >= 10:
			canvas.Max = image.Pt(1+threeBytes(body[4:]), 1+threeBytes(body[7:]))
		case id == "ANMF" && len(body) >= frameHead:
			img, err := preprocess.Read(still(body[frameHead:], body[6:12]))
			if err != nil {
				return nil, err
			}
			at := img.Rect.Add(image.Pt(2*threeBytes(body), 2*threeBytes(body[3:])))
			if !at.In(canvas) || uint64(canvas.Max.X)*uint64(canvas.Max.Y) > maxCanvas {
				return nil, fault.Errorf(fault.Invalid, "%w", errors.New("its first image does not fit it"))
			}
			out := image.NewRGBA(canvas)
			draw.Draw(out, canvas, image.White, image.Point{}, draw.Src)
			draw.Draw(out, at, img, image.Point{}, draw.Src)
			return out, nil
		}
	}
	return nil, fault.Errorf(fault.Invalid, "%w", errors.New("it has no image"))
}

// still makes a WebP file of the chunks of one image. Transparency has to be
// announced in it, with the size as six bytes.
func still(chunks, size []byte) []byte {
	if bytes.HasPrefix(chunks, []byte("ALPH")) {
		chunks = slices.Concat([]byte("VP8X\x0a\x00\x00\x00\x10\x00\x00\x00"), size, chunks)
	}
	out := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(4+len(chunks)))
	return slices.Concat(out, []byte("WEBP"), chunks)
}

func threeBytes(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
