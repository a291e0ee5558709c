package term

import (
	"strings"
	"unicode/utf8"
)

// longestSequence is the most runes of a control string (OSC, DCS, APC, …) that are
// removed. A longer one is taken for text after an unterminated string.
const longestSequence = 1024

// A Cleaner removes from a text what a terminal would obey: escape sequences, control
// characters other than newline and tab, and characters that change the direction of the
// text after them. So a model's answer cannot clear the screen, set the title, write to
// the clipboard, colour the text after it, or show it in another order. Bytes
// that are not UTF-8 become U+FFFD, because terminals obey some of them too. The text
// can come in chunks split between any runes. The zero Cleaner is ready to use.
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

// Clean returns the safe part of the next chunk. A newline ends any sequence, so an
// unterminated one removes at most the rest of its line.
func (c *Cleaner) Clean(chunk string) string {
	if c.state == text && utf8.ValidString(chunk) && !strings.ContainsFunc(chunk, isControl) {
		return chunk
	}
	var b strings.Builder
	b.Grow(len(chunk))
	for _, r := range chunk {
		if c.step(r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Clean returns the safe part of a complete text.
func Clean(s string) string {
	var c Cleaner
	return c.Clean(s)
}

// step reads one rune and reports whether it is safe.
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

// begin reads a rune outside of sequences.
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
	return !isControl(r)
}

// final reads the rune that ends a sequence: its last byte, or a rune that cannot be
// part of it.
func (c *Cleaner) final(r rune) bool {
	c.state = text
	return (r < 0x20 || r > 0x7e) && c.begin(r)
}

func (c *Cleaner) enter(s state) { c.state, c.length = s, 0 }

// isControl reports whether r is a control character (C0, DEL, C1) other than newline and
// tab, or embeds, isolates or overrides a direction. Marks of direction and joiners do not:
// languages need them.
func isControl(r rune) bool {
	return r < 0x20 && r != '\n' && r != '\t' || r >= 0x7f && r <= 0x9f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}
