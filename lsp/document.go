package lsp

import (
	"net/url"
	"path"
	"strings"
	"unicode/utf8"
)

// An encoding is what a position's character counts.
type encoding string

const (
	utf8Encoding  encoding = "utf-8"
	utf16Encoding encoding = "utf-16" // what every client knows
	utf32Encoding encoding = "utf-32"
)

// A document is a text that the editor has open. Its text is never changed, only
// replaced: a request goes on with what was there when it came.
type document struct {
	language string
	text     string
	cursor   int // where a completion was last wanted
}

// offset is the byte offset of a position. One past the end of a line is its end,
// and past the end of the text the text's: the protocol wants it so.
func (e encoding) offset(text string, p position) int {
	at := 0
	for range p.Line {
		_, next, ok := endOfLine(text[at:])
		if !ok {
			return len(text)
		}
		at += next
	}
	end, _, _ := endOfLine(text[at:])
	line := text[at : at+end]
	if e == utf8Encoding {
		n := max(0, min(p.Character, len(line)))
		for n > 0 && n < len(line) && !utf8.RuneStart(line[n]) {
			n--
		}
		return at + n
	}
	count := 0
	for i, r := range line {
		if count += e.width(r); count > p.Character {
			return at + i
		}
	}
	return at + len(line)
}

// position is the position of a byte offset.
func (e encoding) position(text string, at int) position {
	p, start := position{}, 0
	for {
		_, next, ok := endOfLine(text[start:])
		if !ok || start+next > at {
			break
		}
		p.Line, start = p.Line+1, start+next
	}
	if e == utf8Encoding {
		p.Character = at - start
		return p
	}
	for _, r := range text[start:at] {
		p.Character += e.width(r)
	}
	return p
}

// endOfLine is where the first line of a text ends and where the next begins, and
// whether there is one. A line ends with a newline, a carriage return, or both.
func endOfLine(text string) (end, next int, ok bool) {
	end = strings.IndexAny(text, "\r\n")
	switch {
	case end < 0:
		return len(text), len(text), false
	case strings.HasPrefix(text[end:], "\r\n"):
		return end, end + 2, true
	}
	return end, end + 1, true
}

// width is how many units a rune has.
func (e encoding) width(r rune) int {
	if e == utf16Encoding && r > 0xFFFF {
		return 2
	}
	return 1
}

// apply makes the changes that the editor made, each to what the one before it
// left.
func (d *document) apply(e encoding, changes []change) {
	for _, c := range changes {
		if c.Range == nil {
			d.text = c.Text
			continue
		}
		start, end := e.offset(d.text, c.Range.Start), e.offset(d.text, c.Range.End)
		d.text = d.text[:start] + c.Text + d.text[max(start, end):]
	}
	d.cursor = min(d.cursor, len(d.text))
}

// name is how a model is told a document: its path in the folder that the person
// works in, or its file's name.
func name(uri string, folders []workspaceFolder) string {
	file := decoded(uri)
	best := ""
	for _, f := range folders {
		folder := strings.TrimSuffix(decoded(f.URI), "/") + "/"
		if strings.HasPrefix(file, folder) && len(folder) > len(best) {
			best = folder
		}
	}
	if best != "" {
		return file[len(best):]
	}
	return path.Base(file)
}

// decoded is the path of a URI, or all of one that has none.
func decoded(uri string) string {
	u, err := url.Parse(uri)
	switch {
	case err != nil:
		return uri
	case u.Opaque != "":
		return u.Opaque // untitled:Untitled-1
	}
	return u.Path
}
