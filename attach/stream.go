package attach

import (
	"bufio"
	"bytes"
	"io"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// UTF8 returns a reader of a text of any length: UTF-16 with a byte order mark becomes UTF-8, and
// what does not begin like a text is an error. The lines that it reads are for [DecodeLine].
func UTF8(name string, r io.Reader) io.Reader {
	return &textReader{name: name, in: bufio.NewReaderSize(r, 1<<16)}
}

type textReader struct {
	name string
	in   *bufio.Reader
	r    io.Reader // nil before the first read
}

func (t *textReader) Read(p []byte) (int, error) {
	if t.r == nil {
		_, _ = t.in.Peek(len(bomUTF16LE)) // its error comes back from Read
		begin, _ := t.in.Peek(t.in.Buffered())
		switch {
		case utf16Order(begin) != nil:
			t.r = transform.NewReader(t.in, unicode.BOMOverride(transform.Nop))
			return t.r.Read(p)
		case bytes.HasPrefix(begin, []byte(bomUTF8)):
			_, _ = t.in.Discard(len(bomUTF8))
		}
		if i := bytes.LastIndexByte(begin, '\n'); i >= 0 {
			begin = begin[:i] // the rest may end within a rune
		}
		if _, _, err := Decode(t.name, begin); err != nil {
			return 0, err
		}
		t.r = t.in
	}
	return t.r.Read(p)
}
