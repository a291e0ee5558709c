package attach

import (
	"bytes"
	"path/filepath"
	"runtime"
	"strings"
	"unicode/utf8"

	"github.com/bise-sh/bise/mistral/audio"
)

// A kind is what a file contains.
type kind struct {
	name  string // "" for an unknown one
	media string
	read  bool // an image that ReadImage decodes
	text  bool
	audio bool // that ReadAudio reads
	sound bool // that it does not read
}

// signatures has the kinds by the first bytes of a file; a dot stands for any byte.
var signatures = []struct {
	magic string
	kind  kind
}{
	{"\x89PNG\r\n\x1a\n", kind{name: "PNG", media: "image/png", read: true}},
	{"\xff\xd8\xff", kind{name: "JPEG", media: "image/jpeg", read: true}},
	{"GIF87a", kind{name: "GIF", media: "image/gif", read: true}},
	{"GIF89a", kind{name: "GIF", media: "image/gif", read: true}},
	{"RIFF....WEBP", kind{name: "WebP", media: "image/webp", read: true}},
	{"BM", kind{name: "BMP", media: "image/bmp", read: true}},
	{"II*\x00", kind{name: "TIFF", media: "image/tiff", read: true}},
	{"MM\x00*", kind{name: "TIFF", media: "image/tiff", read: true}},
	{"II+\x00", kind{name: "BigTIFF"}},
	{"MM\x00+", kind{name: "BigTIFF"}},
	{"....ftypavif", kind{name: "AVIF"}},
	{"....ftypavis", kind{name: "AVIF"}},
	{"....ftyphei", kind{name: "HEIC"}},
	{"....ftyphev", kind{name: "HEIC"}},
	{"....ftypmif1", kind{name: "HEIC"}},
	{"....ftypmsf1", kind{name: "HEIC"}},
	{"....ftypM4A", kind{name: "M4A", sound: true}},
	{"....ftyp", kind{name: "video"}},
	{"OggS", kind{name: "Ogg", sound: true}},
	{"FORM....AIFF", kind{name: "AIFF", sound: true}},
	{"\x00\x00\x00\x0cJXL ", kind{name: "JPEG XL"}},
	{"\xff\x0a", kind{name: "JPEG XL"}},
	{"\x00\x00\x00\x0cjP  ", kind{name: "JPEG 2000"}},
	{"8BPS", kind{name: "Photoshop"}},
	{"\x00\x00\x01\x00", kind{name: "icon"}},
	{"%PDF-", kind{name: "PDF"}},
}

// kindOf recognises a file by its first bytes. A text may begin with the bytes of an
// image's signature ("BMW"); only a PDF is a text itself.
func kindOf(data []byte) kind {
	head := data[:min(len(data), 1024)]
	text := isText(head)
	for _, s := range signatures {
		if begins(data, s.magic) && (!text || s.kind.name == "PDF") {
			return s.kind
		}
	}
	if format := audio.Sniff(data); format != "" && !text {
		return kind{name: string(format), audio: true}
	}
	switch {
	case !text && bytes.Contains(head, []byte("%PDF-")): // some begin with other bytes
		return kind{name: "PDF"}
	case bytes.Contains(head, []byte("<svg")):
		return kind{name: "SVG", text: true}
	case bytes.Contains(bytes.ToLower(head), []byte("<html")):
		return kind{name: "HTML", text: true}
	case text:
		return kind{name: "text", text: true}
	}
	return kind{}
}

// isText reports whether the beginning of a file is text. It may end within a rune.
func isText(head []byte) bool {
	for range utf8.UTFMax {
		if utf8.Valid(head) || len(head) == 0 {
			break
		}
		head = head[:len(head)-1]
	}
	return len(head) > 0 && utf8.Valid(head) && bytes.IndexByte(head, 0) < 0
}

func begins(data []byte, magic string) bool {
	if len(data) < len(magic) {
		return false
	}
	for i := range len(magic) {
		if magic[i] != '.' && data[i] != magic[i] {
			return false
		}
	}
	return true
}

// IsPDF reports whether a file is a document whose pages [Pages] draws.
func IsPDF(data []byte) bool { return kindOf(data).name == "PDF" }

// is says what a file is instead of an image that can be read.
func (k kind) is() string {
	switch k.name {
	case "":
		return "it is not an image in a known format"
	case "text", "HTML":
		return "it is not an image but " + k.name
	case "video":
		return "it is not an image but a video"
	case "PDF":
		return "it is a PDF document"
	case "icon":
		return "it is an icon file"
	}
	if k.audio {
		return "it is not an image but audio"
	}
	if k.sound {
		return "it is audio in " + k.name + " format, which bise does not read"
	}
	if k.read {
		return "it is a " + k.name + " image"
	}
	return "it is an image in " + k.name + " format, which bise does not read"
}

// advice says how to turn a file into one that can be read.
func (k kind) advice(name string) string {
	base := filepath.Base(name)
	to := strings.TrimSuffix(base, filepath.Ext(base)) + ".png"
	if to == base { // which is not what it is
		to = "converted-" + to
	}
	base, to = quoted(base), quoted(to)
	if k.audio {
		return "Use bise ask -i, or bise transcribe."
	}
	if k.sound {
		return "Convert it: ffmpeg -i " + quoted(filepath.Base(name)) + " " + quoted(strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))+".wav")
	}
	switch k.name {
	case "text", "HTML", "":
		return "Images are PNG, JPEG, WebP, GIF, BMP or TIFF files."
	case "video":
		return "Extract an image: ffmpeg -i " + base + " -frames:v 1 " + to
	case "SVG":
		return "Convert it: rsvg-convert -o " + to + " " + base
	case "PDF":
		return "Save the page as an image."
	case "HEIC", "AVIF":
		if runtime.GOOS == "darwin" {
			return "Convert it: sips -s format png " + base + " --out " + to
		}
		return "Convert it: heif-convert " + base + " " + to + " (from libheif), or magick " + base + " " + to
	}
	return "Convert it: magick " + base + " " + to
}

// quoted quotes a file name for a shell.
func quoted(name string) string {
	plain := func(r rune) bool {
		return r >= 0x80 || strings.ContainsRune("._-+,@%=/", r) || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
	}
	if strings.ContainsFunc(name, func(r rune) bool { return !plain(r) }) {
		return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
	}
	return name
}
