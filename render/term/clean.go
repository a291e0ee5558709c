package term

import (
	"strings"
	"unicode/utf8"
)

// longestSequence is how many runes of a control string (OSC, DCS, APC, …) are
// taken out before it is held for text whose end was forgotten.
const longestSequence = 1024

// A Cleaner takes out of a text what a terminal would obey: escape sequences,
// and control characters other than newline and tab. So a model's answer cannot
// clear the screen, set the title, write to the clipboard or colour what comes
// after it. Bytes that are not UTF-8 become U+FFFD, since terminals obey some of
// them too. The text may come in pieces cut anywhere between runes; the zero
// Cleaner is ready for the first.
type Cleaner struct {
	state  state
	length int // runes of the sequence so far
}

type state int

const (
	text      state = iota
	escape          // after ESC
	between         // after ESC and an intermediate byte
	control         // in a control sequence (CSI), up to its final byte
	str             // in a control string, up to BEL or ST
	strEscape       // after ESC in a control string
)

// Clean gives what of the next piece may be shown. A newline ends any sequence,
// so an unfinished one costs at most the rest of its line.
func (c *Cleaner) Clean(piece string) string {
	if c.state == text && utf8.ValidString(piece) && !strings.ContainsFunc(piece, obeyed) {
		return piece
	}
	var b strings.Builder
	b.Grow(len(piece))
	for _, r := range piece {
		if c.step(r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Clean gives what of a whole text may be shown.
func Clean(s string) string {
	var c Cleaner
	return c.Clean(s)
}

// step reads one rune and reports whether it is shown.
func (c *Cleaner) step(r rune) bool {
	if r == '\n' {
		c.state = text
		return true
	}
	c.length++
	switch c.state {
	case text:
		return c.begin(r)
	case escape:
		switch {
		case r == '[':
			c.enter(control)
		case strings.ContainsRune("]PX^_", r):
			c.enter(str)
		case r >= 0x20 && r <= 0x2f:
			c.state = between
		case r >= 0x30 && r <= 0x7e:
			c.state = text
		default:
			return c.begin(r)
		}
	case between:
		if r < 0x20 || r > 0x2f {
			return c.final(r)
		}
	case control:
		if r < 0x20 || r > 0x3f {
			return c.final(r)
		}
	case str:
		switch {
		case r == '\a' || r == '\u009c' || c.length > longestSequence:
			c.state = text
		case r == '\x1b':
			c.state = strEscape
		}
	case strEscape:
		c.state = text
		if r != '\\' {
			c.state = escape
			return c.step(r)
		}
	}
	return false
}

// begin reads a rune outside any sequence.
func (c *Cleaner) begin(r rune) bool {
	c.state = text
	switch {
	case r == '\x1b':
		c.enter(escape)
	case r == '\u009b':
		c.enter(control)
	case r == '\u0090' || r == '\u0098' || r == '\u009d' || r == '\u009e' || r == '\u009f':
		c.enter(str)
	}
	return !obeyed(r)
}

// final reads the rune that ends a sequence: its last byte, or what cannot be
// part of one and stands for itself.
func (c *Cleaner) final(r rune) bool {
	c.state = text
	return (r < 0x20 || r > 0x7e) && c.begin(r)
}

func (c *Cleaner) enter(s state) { c.state, c.length = s, 0 }

// obeyed reports whether r is a control character (C0, DEL, C1) other than
// newline and tab.
func obeyed(r rune) bool {
	return r < 0x20 && r != '\n' && r != '\t' || r >= 0x7f && r <= 0x9f
}
