package vision

import (
	"bytes"
	"path/filepath"
	"runtime"
	"strings"
	"unicode/utf8"
)

// A kind is what a file is.
type kind struct {
	name  string // as people say it; "" for what is not known
	media string
	read  bool // here
	sent  bool // as it is: every server reads it
}

// signatures are the kinds of files by their first bytes, a dot standing for any one.
var signatures = []struct {
	magic string
	kind  kind
}{
	{"\x89PNG\r\n\x1a\n", kind{"PNG", "image/png", true, true}},
	{"\xff\xd8\xff", kind{"JPEG", "image/jpeg", true, true}},
	{"GIF87a", kind{"GIF", "image/gif", true, true}},
	{"GIF89a", kind{"GIF", "image/gif", true, true}},
	{"RIFF....WEBP", kind{"WebP", "image/webp", true, true}},
	{"BM", kind{"BMP", "image/bmp", true, false}},
	{"II*\x00", kind{"TIFF", "image/tiff", true, false}},
	{"MM\x00*", kind{"TIFF", "image/tiff", true, false}},
	{"....ftypavif", kind{name: "AVIF"}},
	{"....ftypavis", kind{name: "AVIF"}},
	{"....ftyphei", kind{name: "HEIC"}},
	{"....ftyphev", kind{name: "HEIC"}},
	{"....ftypmif1", kind{name: "HEIC"}},
	{"....ftypmsf1", kind{name: "HEIC"}},
	{"....ftyp", kind{name: "video"}},
	{"\x00\x00\x00\x0cJXL ", kind{name: "JPEG XL"}},
	{"\xff\x0a", kind{name: "JPEG XL"}},
	{"\x00\x00\x00\x0cjP  ", kind{name: "JPEG 2000"}},
	{"8BPS", kind{name: "Photoshop"}},
	{"\x00\x00\x01\x00", kind{name: "icon"}},
	{"%PDF-", kind{name: "PDF"}},
}

// kindOf tells what a file is by its first bytes.
func kindOf(data []byte) kind {
	for _, s := range signatures {
		if begins(data, s.magic) {
			return s.kind
		}
	}
	head := data[:min(len(data), 1024)]
	switch {
	case bytes.Contains(head, []byte("%PDF-")): // some begin with other things
		return kind{name: "PDF"}
	case bytes.Contains(head, []byte("<svg")):
		return kind{name: "SVG"}
	case bytes.Contains(bytes.ToLower(head), []byte("<html")):
		return kind{name: "HTML"}
	case isText(head):
		return kind{name: "text"}
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

// IsPDF reports whether a file is a document that [Pages] makes pictures of.
func IsPDF(data []byte) bool { return kindOf(data).name == "PDF" }

// Reads reports whether a file is, by its first bytes, a picture that [Read] reads.
func Reads(data []byte) bool { return kindOf(data).read }

// refusal says what a file is that is not read.
func (k kind) refusal() string {
	switch k.name {
	case "":
		return "it is no picture in a format that is known here"
	case "text", "HTML":
		return "it is no picture but " + k.name
	case "video":
		return "it is no picture but a video"
	case "PDF":
		return "it is a PDF document"
	case "icon":
		return "it is an icon file"
	}
	return "it is a picture in the format " + k.name + ", which bise does not read"
}

// advice says how a file becomes one that is read.
func (k kind) advice(name string) string {
	base := filepath.Base(name)
	to := strings.TrimSuffix(base, filepath.Ext(base)) + ".png"
	if to == base { // which is not what it is
		to = "converted-" + to
	}
	base, to = quoted(base), quoted(to)
	switch k.name {
	case "text", "HTML", "":
		return "Pictures are PNG, JPEG, WebP, GIF, BMP or TIFF files."
	case "video":
		return "Take a picture from it: ffmpeg -i " + base + " -frames:v 1 " + to
	case "SVG":
		return "Convert it: rsvg-convert -o " + to + " " + base
	case "PDF":
		return "Its pages can be shown by bise see."
	case "HEIC", "AVIF":
		if runtime.GOOS == "darwin" {
			return "Convert it: sips -s format png " + base + " --out " + to
		}
		return "Convert it: heif-convert " + base + " " + to + " (from libheif), or magick " + base + " " + to
	}
	return "Convert it: magick " + base + " " + to
}

// quoted is a file's name as a shell takes it.
func quoted(name string) string {
	plain := func(r rune) bool {
		return r >= 0x80 || strings.ContainsRune("._-+,@%=/", r) || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
	}
	if strings.ContainsFunc(name, func(r rune) bool { return !plain(r) }) {
		return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
	}
	return name
}
