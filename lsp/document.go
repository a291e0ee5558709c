package lsp

import (
	"net/url"
	"path"
	"strings"
	"unicode/utf8"
)

// An encoding is the unit of the characters in a position.
type encoding string

const (
	utf8Encoding  encoding = "utf-8"
	utf16Encoding encoding = "utf-16" // the default of the protocol
	utf32Encoding encoding = "utf-32"
)

// A document is an open text. A change replaces the string, so that a running request
// keeps the text that it started with.
type document struct {
	language string
	text     string
	cursor   int // the position of the last completion request
}

// offset converts a position to a byte offset. As the protocol requires, a character
// past the end of a line is the end of the line, and a line past the end of the text is
// the end of the text.
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

// position converts a byte offset to a position.
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

// endOfLine returns the end of the first line of a text and the start of the next. ok
// is false if there is only one line. A line ends with LF, CR or CRLF.
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

// width returns the number of units in a rune.
func (e encoding) width(r rune) int {
	if e == utf16Encoding && r > 0xFFFF {
		return 2
	}
	return 1
}

// apply applies changes one after the other.
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

// name returns the name of a document for the model: its path in the innermost
// workspace folder, or otherwise its file name.
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

// decoded returns the path of a URI, or the whole URI if it has no path.
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
