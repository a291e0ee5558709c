package attach

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/preprocess"
)

// corner is a picture with one red corner, the upper left, on blue.
func corner(w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetRGBA(x, y, color.RGBA{B: 200, A: 255})
		}
	}
	img.SetRGBA(0, 0, color.RGBA{R: 250, A: 255})
	return img
}

func file(t testing.TB, encode func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pngOf(t testing.TB, img image.Image) []byte {
	return file(t, func(b *bytes.Buffer) error { return png.Encode(b, img) })
}

func jpegOf(t testing.TB, img image.Image) []byte {
	return file(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, img, nil) })
}

func gifOf(t testing.TB, images int) []byte {
	g := &gif.GIF{}
	for range images {
		img := image.NewPaletted(image.Rect(0, 0, 7, 5), color.Palette{color.RGBA{R: 250, A: 255}, color.RGBA{B: 200, A: 255}})
		g.Image, g.Delay = append(g.Image, img), append(g.Delay, 1)
	}
	return file(t, func(b *bytes.Buffer) error { return gif.EncodeAll(b, g) })
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// badChecksum inserts a chunk with a wrong checksum after a PNG's header.
func badChecksum(t testing.TB, data []byte, kind string) []byte {
	t.Helper()
	const header = 8 + 25
	chunk := append([]byte("\x00\x00\x00\x06"+kind), "a\x00text\x00\x00\x00\x00"...)
	return slices.Concat(data[:header], chunk, data[header:])
}

func cutEnd(data []byte, by int) []byte { return data[:len(data)-by] }

// A valid image that bise cannot decode is not called damaged, and the other way round.
func TestUnsupportedIsNotDamaged(t *testing.T) {
	photo := jpegOf(t, corner(64, 64))
	marker := bytes.Index(photo, []byte{0xff, 0xc0})
	arithmetic, precise := bytes.Clone(photo), bytes.Clone(photo)
	arithmetic[marker+1] = 0xc9
	precise[marker+4] = 12
	compressed := file(t, func(b *bytes.Buffer) error { return tiff.Encode(b, corner(7, 5), nil) })
	at := bytes.Index(compressed, []byte{0x03, 0x01, 3, 0, 1, 0, 0, 0}) // Compression
	compressed[at+8] = 7
	bits := file(t, func(b *bytes.Buffer) error { return bmp.Encode(b, corner(7, 5)) })
	bits[28] = 16 // bits of a pixel
	for name, data := range map[string][]byte{"arithmetic coding": arithmetic, "12 bits": precise, "JPEG in TIFF": compressed, "16-bit BMP": bits, "BigTIFF": []byte("II+\x00\x08\x00\x00\x00")} {
		_, err := ReadImage("x", data)
		if _, advice := fault.Explain(err); err == nil || strings.Contains(err.Error(), "damaged") || !strings.Contains(err.Error(), "does not read") || !strings.Contains(advice, "Convert it") {
			t.Errorf("%s: %v %q", name, err, advice)
		}
	}
	badImage := pngOf(t, corner(64, 64))
	badImage[bytes.Index(badImage, []byte("IDAT"))+8] ^= 0xff
	for name, data := range map[string][]byte{"half a photo": photo[:len(photo)*3/4], "bad image data": badImage, "half a PNG": cutEnd(pngOf(t, corner(64, 64)), 40)} {
		if _, err := ReadImage("x", data); err == nil || !strings.Contains(err.Error(), "is damaged or truncated") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRead(t *testing.T) {
	img := corner(7, 5)
	for _, tt := range []struct {
		name   string
		data   []byte
		format string
		w, h   int
		frames int
		sent   string // how its URL begins
		same   bool   // it is sent as it is
	}{
		{"png", pngOf(t, img), "PNG", 7, 5, 1, "data:image/png;base64,", true},
		{"jpeg", jpegOf(t, img), "JPEG", 7, 5, 1, "data:image/jpeg;base64,", true},
		{"still gif", gifOf(t, 1), "GIF", 7, 5, 1, "data:image/png;base64,", false},
		{"moving gif", gifOf(t, 3), "GIF", 7, 5, 3, "data:image/png;base64,", false},
		{"bmp", file(t, func(b *bytes.Buffer) error { return bmp.Encode(b, img) }), "BMP", 7, 5, 1, "data:image/png;base64,", false},
		{"tiff", file(t, func(b *bytes.Buffer) error { return tiff.Encode(b, img, nil) }), "TIFF", 7, 5, 1, "data:image/png;base64,", false},
		{"webp", fixture(t, "still.webp"), "WebP", 12, 8, 1, "data:image/png;base64,", false},
		{"lossless webp", fixture(t, "still-lossless.webp"), "WebP", 12, 8, 1, "data:image/png;base64,", false},
		{"transparent webp", fixture(t, "still-alpha.webp"), "WebP", 12, 8, 1, "data:image/png;base64,", false},
		{"moving webp", fixture(t, "moving-alpha.webp"), "WebP", 12, 8, 2, "data:image/png;base64,", false},
		{"moving lossless webp", fixture(t, "moving-lossless.webp"), "WebP", 12, 8, 2, "data:image/png;base64,", false},
		{"photo on its side", exifJPEG(jpegOf(t, img), 6, binary.BigEndian), "JPEG", 5, 7, 1, "data:image/jpeg;base64,", false},
		{"transparent png", pngOf(t, image.NewRGBA(image.Rect(0, 0, 7, 5))), "PNG", 7, 5, 1, "data:image/png;base64,", false},
		{"png with a wrong checksum", badChecksum(t, pngOf(t, img), "tEXt"), "PNG", 7, 5, 1, "data:image/png;base64,", false},
		{"png with a wrong transparency", badChecksum(t, pngOf(t, img), "tRNS"), "PNG", 7, 5, 1, "data:image/png;base64,", false},
		{"png without its end", cutEnd(pngOf(t, img), 12), "PNG", 7, 5, 1, "data:image/png;base64,", false},
		{"png with half an end", cutEnd(pngOf(t, img), 5), "PNG", 7, 5, 1, "data:image/png;base64,", false},
		{"jpeg without its end", cutEnd(jpegOf(t, img), 2), "JPEG", 7, 5, 1, "data:image/jpeg;base64,", false},
		{"jpeg with half an end", cutEnd(jpegOf(t, img), 1), "JPEG", 7, 5, 1, "data:image/jpeg;base64,", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := ReadImage("a picture", tt.data)
			if err != nil {
				t.Fatal(err)
			}
			if p.Format != tt.format || p.Width != tt.w || p.Height != tt.h || p.Frames != tt.frames || p.Name != "a picture" {
				t.Errorf("it is %s %d×%d with %d frames", p.Format, p.Width, p.Height, p.Frames)
			}
			if !strings.HasPrefix(p.URL, tt.sent) {
				t.Errorf("it is sent as %.30s", p.URL)
			}
			if same := p.URL == dataURL(strings.TrimSuffix(strings.TrimPrefix(tt.sent, "data:"), ";base64,"), tt.data); same != tt.same {
				t.Errorf("it is sent as it is: %v", same)
			}
			w, h, err := preprocess.Size(p.URL)
			if err != nil || w != tt.w || h != tt.h {
				t.Errorf("what is sent has %d×%d, %v", w, h, err)
			}
			if p.Thumb.Bounds() != image.Rect(0, 0, tt.w, tt.h) || !p.Thumb.Opaque() {
				t.Errorf("the thumbnail has %v, opaque: %v", p.Thumb.Bounds(), p.Thumb.Opaque())
			}
		})
	}
}

// TestFirstImageOfAMovingWebP looks at one whose first image covers a part of the
// canvas.
func TestFirstImageOfAMovingWebP(t *testing.T) {
	for _, name := range []string{"moving-alpha.webp", "moving-lossless.webp"} {
		p, err := ReadImage(name, fixture(t, name))
		if err != nil {
			t.Fatal(err)
		}
		if c := p.Thumb.RGBAAt(1, 4); c.R < 250 || c.G < 250 || c.B < 250 {
			t.Errorf("%s: the transparent part is %v", name, c)
		}
		if c := p.Thumb.RGBAAt(9, 4); c.R < 150 || c.G > 80 || c.B > 80 {
			t.Errorf("%s: the red part is %v", name, c)
		}
	}
}

func TestThumbnailIsBounded(t *testing.T) {
	p, err := ReadImage("wide", pngOf(t, image.NewGray(image.Rect(0, 0, 3000, 1))))
	if err != nil {
		t.Fatal(err)
	}
	if p.Thumb.Bounds() != image.Rect(0, 0, maxThumb, 1) || p.Width != 3000 {
		t.Errorf("%v of %d", p.Thumb.Bounds(), p.Width)
	}
}

// TestUpright stores a picture in each orientation, and looks where its first pixel
// and the one after it in the row stand. What each number means is EXIF's table: the
// side on which the first row is, and the first column.
func TestUpright(t *testing.T) {
	const w, h = 3, 2
	left, right, top, bottom := 0, 1, 0, 1
	for orientation, sides := range map[int]struct {
		turned   bool // rows stand as columns
		row, col int
	}{
		1: {false, top, left},
		2: {false, top, right},
		3: {false, bottom, right},
		4: {false, bottom, left},
		5: {true, left, top},
		6: {true, right, top},
		7: {true, right, bottom},
		8: {true, left, bottom},
	} {
		img := corner(w, h)
		img.SetRGBA(1, 0, color.RGBA{G: 250, A: 255})
		stored := exifPNG(pngOf(t, img), orientation)
		p, err := ReadImage("stored", stored)
		if err != nil {
			t.Fatal(err)
		}
		got := p.Thumb
		size, first, step := image.Pt(w, h), image.Point{}, image.Point{}
		if sides.turned {
			size = image.Pt(h, w)
			first = image.Pt(sides.row*(h-1), sides.col*(w-1))
			step = image.Pt(0, 1-2*sides.col)
		} else {
			first = image.Pt(sides.col*(w-1), sides.row*(h-1))
			step = image.Pt(1-2*sides.col, 0)
		}
		if got.Bounds().Max != size {
			t.Errorf("orientation %d: %v", orientation, got.Bounds())
		}
		if c := got.RGBAAt(first.X, first.Y); c.R != 250 {
			t.Errorf("orientation %d: at %v is %v, want the first pixel", orientation, first, c)
		}
		if at := first.Add(step); got.RGBAAt(at.X, at.Y).G != 250 {
			t.Errorf("orientation %d: at %v is %v, want the second pixel", orientation, at, got.RGBAAt(at.X, at.Y))
		}
	}
}

// exif is a TIFF file that says nothing but an orientation, after another tag.
func exif(orientation int, order binary.AppendByteOrder) []byte {
	mark := "MM"
	if order == binary.AppendByteOrder(binary.LittleEndian) {
		mark = "II"
	}
	b := order.AppendUint32(order.AppendUint16([]byte(mark), 42), 8)
	b = order.AppendUint16(b, 2)
	b = append(order.AppendUint32(order.AppendUint16(order.AppendUint16(b, 0x010f), 2), 1), "x\x00\x00\x00"...)
	b = order.AppendUint32(order.AppendUint16(order.AppendUint16(b, 0x0112), 3), 1)
	return append(order.AppendUint16(b, uint16(orientation)), 0, 0, 0, 0, 0, 0)
}

// exifJPEG puts an orientation into a JPEG, after another segment.
func exifJPEG(data []byte, orientation int, order binary.AppendByteOrder) []byte {
	body := append([]byte("Exif\x00\x00"), exif(orientation, order)...)
	out := append([]byte{}, data[:2]...)
	out = append(out, 0xff, 0xe1, 0, 9, 'n', 'o', 't', ' ', 'i', 't', 0)
	out = binary.BigEndian.AppendUint16(append(out, 0xff, 0xe1), uint16(2+len(body)))
	return append(append(out, body...), data[2:]...)
}

// exifPNG puts an orientation into a PNG, after its head.
func exifPNG(data []byte, orientation int) []byte {
	const head = 8 + 25
	chunk := append([]byte("eXIf"), exif(orientation, binary.LittleEndian)...)
	out := binary.BigEndian.AppendUint32(append([]byte{}, data[:head]...), uint32(len(chunk)-4))
	out = binary.BigEndian.AppendUint32(append(out, chunk...), crc32.ChecksumIEEE(chunk))
	return append(out, data[head:]...)
}

func TestOrientation(t *testing.T) {
	plain := jpegOf(t, corner(4, 4))
	webp := append(bytes.Clone(fixture(t, "still.webp")), append([]byte("EXIF\x22\x00\x00\x00"), exif(8, binary.BigEndian)[:34]...)...)
	cut := exifJPEG(plain, 6, binary.BigEndian)
	for name, tt := range map[string]struct {
		data []byte
		want int
	}{
		"nothing said":  {plain, 1},
		"big endian":    {exifJPEG(plain, 6, binary.BigEndian), 6},
		"little endian": {exifJPEG(plain, 8, binary.LittleEndian), 8},
		"no such":       {exifJPEG(plain, 9, binary.LittleEndian), 1},
		"zero":          {exifJPEG(plain, 0, binary.LittleEndian), 1},
		"webp":          {webp, 8},
		"cut off":       {cut[:30], 1},
		"endless":       {bytes.ReplaceAll(cut, []byte{0, 0, 0, 8}, []byte{0xff, 0xff, 0xff, 0xff}), 1},
		"gif":           {gifOf(t, 1), 1},
	} {
		if got := orientation(tt.data); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}

func TestRefused(t *testing.T) {
	whole := pngOf(t, image.NewGray(image.Rect(0, 0, 64, 64)))
	photo := jpegOf(t, corner(64, 64))
	huge := bytes.Clone(whole[:33])
	binary.BigEndian.PutUint32(huge[16:], 1<<16)
	binary.BigEndian.PutUint32(huge[20:], 1<<16)
	binary.BigEndian.PutUint32(huge[29:], crc32.ChecksumIEEE(huge[12:29]))
	for _, tt := range []struct {
		name, file   string
		data         []byte
		msg, advises string
	}{
		{"empty", "a.png", nil, "cannot read a.png: it is empty", ""},
		{"bomb", "a.png", huge, "65536×65536 pixels: the limit is 64 million", "Resize the image"},
		{"cut off PNG", "a.png", whole[:len(whole)/2], "the PNG image is damaged or truncated", "again"},
		{"cut off JPEG", "a.jpg", photo[:len(photo)/2], "the JPEG image is damaged or truncated", "again"},
		{"cut off GIF", "a.gif", gifOf(t, 1)[:24], "the GIF image is damaged or truncated", "again"},
		{"cut off WebP", "a.webp", fixture(t, "still.webp")[:30], "the WebP image is damaged or truncated", "again"},
		{"cut off in the head", "a.png", whole[:12], "the PNG image is damaged", "again"},
		{"moving WebP of nothing", "a.webp", []byte("RIFF\x20\x00\x00\x00WEBPANMF\x00\x00\x00\x00ANMF\x00\x00\x00\x00"), "the WebP image is damaged", "again"},
		{"large", "a.png", append(bytes.Clone(whole), make([]byte, MaxImage)...), "it is larger than 20 MB", "Resize the image"},
		{"HEIC", "IMG 1.HEIC", []byte("\x00\x00\x00\x1cftypheic\x00\x00\x00\x00"), "cannot read IMG 1.HEIC: it is an image in HEIC format, which bise does not read", "'IMG 1.png'"},
		{"HEIC that says it is PNG", "a.png", []byte("\x00\x00\x00\x1cftypheic"), "HEIC format", " a.png converted-a.png"},
		{"AVIF", "a.avif", []byte("\x00\x00\x00\x1cftypavif"), "AVIF format", "a.png"},
		{"video", "a.mp4", []byte("\x00\x00\x00\x1cftypisom"), "not an image but a video", "ffmpeg -i a.mp4"},
		{"SVG", "a.svg", []byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>`), "SVG format", "rsvg-convert -o a.png a.svg"},
		{"PDF", "a.pdf", []byte("%PDF-1.7\n"), "it is a PDF document", "Save the page"},
		{"page saved as a picture", "a.png", []byte("<!doctype html><HTML>404</html>"), "it is not an image but HTML", "PNG, JPEG"},
		{"text", "a.png", []byte("naïve"), "it is not an image but text", "PNG, JPEG"},
		{"text cut within a rune", "a.png", append(bytes.Repeat([]byte("a"), 1023), "é"...), "it is not an image but text", "PNG, JPEG"},
		{"binary", "a.png", []byte("\x7fELF\x00\x01"), "not an image in a known format", "PNG, JPEG"},
		{"name that commands", "a;rm -rf ~.psd", []byte("8BPS\x00\x01"), "Photoshop format", "magick 'a;rm -rf ~.psd' 'a;rm -rf ~.png'"},
		{"name with a quote", "it's.psd", []byte("8BPS\x00\x01"), "Photoshop format", `magick 'it'\''s.psd'`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ReadImage(tt.file, tt.data)
			if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), tt.msg) {
				t.Fatalf("%v, want %q", err, tt.msg)
			}
			if hint := err.(*fault.Error).Advice; !strings.Contains(hint, tt.advises) {
				t.Errorf("it advises %q, want %q in it", hint, tt.advises)
			}
		})
	}
}

// TestLargePicturesAreSent makes files of noise, which nothing compresses.
func TestLargePicturesAreSent(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 101, 100))
	state := uint64(1)
	for i := range img.Pix {
		state = state*6364136223846793005 + 1442695040888963407
		img.Pix[i] = uint8(state >> 56)
		if i%4 == 3 {
			img.Pix[i] = 255
		}
	}
	for _, tt := range []struct {
		limit    int
		lossless bool
		media    string
		w, h     int
	}{
		{100_000, true, "image/png", 101, 100},
		{100_000, false, "image/jpeg", 101, 100},
		{25_000, true, "image/jpeg", 101, 100},
		{8_000, true, "image/png", 51, 50},
	} {
		url := encoded(img, tt.lossless, tt.limit)
		if !strings.HasPrefix(url, "data:"+tt.media+";") {
			t.Errorf("within %d it is sent as %.30s", tt.limit, url)
		}
		if w, h, err := preprocess.Size(url); err != nil || w != tt.w || h != tt.h {
			t.Errorf("within %d: %d×%d, %v", tt.limit, w, h, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	img := corner(7, 5)
	for _, seed := range [][]byte{
		pngOf(f, img), jpegOf(f, img), gifOf(f, 2), fixture(f, "still.webp"), fixture(f, "moving-alpha.webp"), fixture(f, "moving-lossless.webp"),
		exifJPEG(jpegOf(f, img), 6, binary.BigEndian), exifPNG(pngOf(f, img), 3),
		file(f, func(b *bytes.Buffer) error { return bmp.Encode(b, img) }), file(f, func(b *bytes.Buffer) error { return tiff.Encode(b, img, nil) }),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		if w, h, err := preprocess.Dimensions(data); err == nil && w*h > 1<<18 {
			return
		}
		p, err := ReadImage("fuzzed", data)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("%v", err)
			}
			return
		}
		w, h, err := preprocess.Size(p.URL)
		if err != nil || w != p.Width || h != p.Height {
			t.Errorf("it is %d×%d and sent as %d×%d, %v", p.Width, p.Height, w, h, err)
		}
		if p.Thumb.Rect.Empty() || p.Frames < 1 {
			t.Errorf("thumbnail %v, %d frames", p.Thumb.Rect, p.Frames)
		}
	})
}

func FuzzOrientation(f *testing.F) {
	f.Add(exif(6, binary.BigEndian))
	f.Add(exif(6, binary.LittleEndian))
	f.Fuzz(func(t *testing.T, data []byte) {
		if got := fromTIFF(data); got < 1 || got > 8 {
			t.Errorf("orientation %d", got)
		}
	})
}
