package latex

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bise-sh/bise/tex"
)

// A token is a command with its backslash, or a character with its combining marks.
// A run of white space is one token " "; comments are left out.
type token string

// starred are the commands that have a variant with a star.
var starred = map[string]bool{`\operatorname`: true, `\tag`: true, `\hspace`: true, `\vspace`: true}

// lex splits a formula into tokens.
func lex(source string) ([]token, error) {
	if len(source) > maxSource || !utf8.ValidString(source) {
		return nil, ErrSource
	}
	var list []token
	for source != "" {
		t := tex.Next(source)
		source = source[len(t):]
		switch r, _ := utf8.DecodeRuneInString(t); {
		case t == `\`:
			return nil, ErrSource
		case r == '\\':
			if starred[t] && strings.HasPrefix(source, "*") {
				t, source = t+"*", source[1:]
			}
			list = append(list, token(t))
		case r == '%':
			_, source, _ = strings.Cut(source, "\n")
		case unicode.IsSpace(r):
			if len(list) == 0 || list[len(list)-1] != " " {
				list = append(list, " ")
			}
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return nil, ErrSource
		case unicode.Is(unicode.Mn, r) && len(list) > 0:
			list[len(list)-1] += token(t)
		default:
			list = append(list, token(t))
		}
	}
	return list, nil
}
