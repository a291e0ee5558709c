package latex

import (
	"regexp"
	"strings"

	"github.com/bise-sh/bise/render/term"
)

// twoLetters matches a word. Formulas without commands have none: each letter stands
// for itself.
var twoLetters = regexp.MustCompile(`\pL{2}`)

// Line formats a final answer on one line. A formula is rendered if possible; words
// stay as they are, because a formula has no spaces between letters.
func Line(answer string) string {
	answer = strings.Trim(strings.TrimSpace(answer), "$")
	if strings.Contains(answer, `\`) || !twoLetters.MatchString(answer) {
		if line, err := Inline(answer); err == nil {
			return line
		}
	}
	return strings.Join(strings.Fields(term.Clean(answer)), " ")
}
