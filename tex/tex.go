// Package tex splits formulas in LaTeX into tokens, for what draws them and what
// computes with them.
package tex

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Next returns the first token of a formula as it is written: a command with its
// backslash, a run of white space, or one character. It is "" at the end.
func Next(s string) string {
	if s == "" {
		return ""
	}
	first, n := utf8.DecodeRuneInString(s)
	switch {
	case first == '\\':
		for n < len(s) && IsLetter(s[n]) {
			n++
		}
		if n == 1 { // a command of one character, such as \{
			_, size := utf8.DecodeRuneInString(s[1:])
			n += size
		}
	case unicode.IsSpace(first):
		n = len(s) - len(strings.TrimLeftFunc(s, unicode.IsSpace))
	}
	return s[:n]
}

// IsLetter reports whether c can be part of a command's name.
func IsLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// Group splits s, which follows an opening brace, at the brace that closes it.
func Group(s string) (body, rest string, ok bool) {
	depth := 0
	for i := 0; i < len(s); {
		t := Next(s[i:])
		switch {
		case t == "{":
			depth++
		case t == "}" && depth == 0:
			return s[:i], s[i+1:], true
		case t == "}":
			depth--
		}
		i += len(t)
	}
	return "", "", false
}
