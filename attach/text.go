package attach

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/units"
)

// Byte order marks.
const (
	bomUTF8    = "\ufeff"
	bomUTF16LE = "\xff\xfe"
	bomUTF16BE = "\xfe\xff"
)

// Decode decodes a text by the rule in the package documentation. The note, if any,
// says what was changed; the name is that of the text in the note and in the error.
func Decode(name string, data []byte) (text, note string, err error) {
	data = trimMark(data)
	if !utf8.Valid(data) && bytes.IndexByte(data, 0) < 0 {
		if bad, _, control := count(data); 4*(bad+control) > len(data) {
			return "", "", notText(name, fmt.Sprintf("%d of its %d bytes are not UTF-8", bad, len(data)))
		}
	}
	return DecodeLine(name, data)
}

// DecodeLine is Decode for a part of a text: a few bytes that are not UTF-8 do not show that it is
// binary.
func DecodeLine(name string, data []byte) (text, note string, err error) {
	if err := checkBinary(name, data); err != nil {
		return "", "", err
	}
	if utf8.Valid(data) {
		return string(data), "", nil
	}
	bad, multi, _ := count(data)
	if bad > multi {
		out, err := charmap.Windows1252.NewDecoder().Bytes(data)
		if err != nil { // which no bytes cause
			return "", "", notText(name, err.Error())
		}
		return string(out), fmt.Sprintf("%s is not UTF-8: it was read as Windows-1252.", name), nil
	}
	were := "were"
	if bad == 1 {
		were = "was"
	}
	return replaceInvalid(data), fmt.Sprintf("%s is not all UTF-8: %s %s replaced by \ufffd.", name, units.Plural(bad, "byte"), were), nil
}

// TrimMark removes a byte order mark and decodes what one says is UTF-16. Other bytes
// stay as they are, whatever they are.
func TrimMark(data []byte) string { return string(trimMark(data)) }

func trimMark(data []byte) []byte {
	if order := utf16Order(data); order != nil {
		return decodeUTF16(data[len(bomUTF16LE):], order)
	}
	return bytes.TrimPrefix(data, []byte(bomUTF8))
}

// count counts the bytes that are not UTF-8, the valid characters of several bytes,
// and the control characters that a text does not have.
func count(data []byte) (bad, multi, control int) {
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		switch {
		case r == utf8.RuneError && n == 1:
			bad++
		case n > 1:
			multi++
		case r < ' ' && !strings.ContainsRune("\t\n\v\f\r\b\x1b", r):
			control++
		}
		data = data[n:]
	}
	return bad, multi, control
}

// replaceInvalid puts U+FFFD in place of each byte that is not UTF-8.
func replaceInvalid(data []byte) string {
	var b strings.Builder
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		b.WriteRune(r)
		data = data[n:]
	}
	return b.String()
}

// utf16Order returns the byte order of UTF-16 that begins with its mark, else nil.
func utf16Order(data []byte) binary.ByteOrder {
	switch {
	case bytes.HasPrefix(data, []byte(bomUTF16LE)):
		return binary.LittleEndian
	case bytes.HasPrefix(data, []byte(bomUTF16BE)):
		return binary.BigEndian
	}
	return nil
}

// decodeUTF16 decodes UTF-16. Half a unit at the end becomes U+FFFD, as does half a
// surrogate pair.
func decodeUTF16(data []byte, order binary.ByteOrder) []byte {
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	out := []byte(string(utf16.Decode(units)))
	if len(data)%2 > 0 {
		out = utf8.AppendRune(out, utf8.RuneError)
	}
	return out
}

// checkBinary refuses data with a zero byte.
func checkBinary(name string, data []byte) error {
	i := bytes.IndexByte(data, 0)
	if i < 0 {
		return nil
	}
	if k := kindOf(data); k.name != "" && !k.text {
		return notText(name, k.is())
	}
	return notText(name, fmt.Sprintf("byte %d is zero", i+1))
}

// notText is the error of a file that has no text.
func notText(name, why string) *fault.Error {
	return &fault.Error{
		Kind:   fault.Invalid,
		Msg:    fmt.Sprintf("%s is not text: %s", name, why),
		Advice: "Convert it to UTF-8, for example with iconv, or attach an image, a PDF, or audio: WAV, MP3 or FLAC.",
	}
}
