package latex

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A token is a command with its backslash, or a single rune. Runs of white space
// are one token " "; comments are left out.
type token string

// lex cuts a formula into tokens.
func lex(source string) ([]token, error) {
	if len(source) > maxSource || !utf8.ValidString(source) {
		return nil, ErrSource
	}
	var list []token
	for i := 0; i < len(source); {
		r, n := utf8.DecodeRuneInString(source[i:])
		switch {
		case r == '\\':
			end := i + 1
			for end < len(source) && isLetter(source[end]) {
				end++
			}
			if end == i+1 { // a command of one character that is no letter
				if end == len(source) {
					return nil, ErrSource
				}
				_, n := utf8.DecodeRuneInString(source[end:])
				end += n
			} else if end < len(source) && source[end] == '*' {
				end++ // \operatorname*, \tag*
			}
			list = append(list, token(source[i:end]))
			i = end
			continue
		case r == '%':
			if end := strings.IndexByte(source[i:], '\n'); end >= 0 {
				i += end + 1
			} else {
				i = len(source)
			}
			continue
		case unicode.IsSpace(r):
			if len(list) == 0 || list[len(list)-1] != " " {
				list = append(list, " ")
			}
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return nil, ErrSource
		case unicode.Is(unicode.Mn, r) && len(list) > 0: // a combining mark stays with its base
			list[len(list)-1] += token(source[i : i+n])
		default:
			list = append(list, token(source[i:i+n]))
		}
		i += n
	}
	return list, nil
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
