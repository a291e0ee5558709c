package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// valid replaces every maximal ill-formed part of text (Unicode 16, section 3.9,
// "substitution of maximal subparts") by U+FFFD, as Python's decode(errors="replace")
// does.
func valid(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	b.Grow(len(text) + 8)
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		if r == utf8.RuneError && n == 1 {
			n = illFormed(text)
		}
		b.WriteRune(r)
		text = text[n:]
	}
	return b.String()
}

// illFormed is the length of the ill-formed part that s begins with: the
// longest beginning of a sequence that could have been completed, else one byte.
func illFormed(s string) int {
	// What may follow each first byte (Unicode 16, table 3-7).
	lo, hi, want := byte(0x80), byte(0xBF), 0
	switch c := s[0]; {
	case 0xC2 <= c && c <= 0xDF:
		want = 2
	case c == 0xE0:
		lo, want = 0xA0, 3
	case c == 0xED:
		hi, want = 0x9F, 3
	case 0xE1 <= c && c <= 0xEF:
		want = 3
	case c == 0xF0:
		lo, want = 0x90, 4
	case c == 0xF4:
		hi, want = 0x8F, 4
	case 0xF1 <= c && c <= 0xF3:
		want = 4
	}
	n := 1
	for n < want && n < len(s) && lo <= s[n] && s[n] <= hi {
		n++
		lo, hi = 0x80, 0xBF
	}
	return n
}
