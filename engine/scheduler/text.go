package scheduler

import (
	"strings"
	"unicode/utf8"
)

// Text holds back bytes of an answer that are not final: an incomplete rune, and a possible
// beginning of a stop string.
type Text struct {
	Stops []string
	Found string // the stop string that ended the text
	held  string
}

// Write takes the next bytes of an answer and returns the part that can be emitted: complete
// runes that cannot belong to a stop string. stopped reports that a stop string was found;
// nothing may be written after that.
func (t *Text) Write(piece string) (out string, stopped bool) {
	t.held += piece
	// The first complete stop string ends the text; of two that end together, the longer
	// one.
	for end := len(t.held) - len(piece) + 1; len(t.Stops) > 0 && end <= len(t.held); end++ {
		cut := -1
		for _, s := range t.Stops {
			if at := end - len(s); s != "" && at >= 0 && t.held[at:end] == s && (cut < 0 || at < cut) {
				cut = at
			}
		}
		if cut >= 0 {
			t.Found = t.held[cut:end]
			out, t.held = t.held[:cut], ""
			return strings.ToValidUTF8(out, "\uFFFD"), true
		}
	}
	keep := len(t.held)
	for _, s := range t.Stops {
		for n := min(len(s)-1, len(t.held)); n > 0; n-- {
			if strings.HasSuffix(t.held, s[:n]) {
				keep = min(keep, len(t.held)-n)
				break
			}
		}
	}
	keep = min(keep, wholeRunes(t.held[:keep]))
	out, t.held = t.held[:keep], t.held[keep:]
	return strings.ToValidUTF8(out, "\uFFFD"), false
}

// Flush returns the held text at the end of an answer.
func (t *Text) Flush() string {
	out := t.held
	t.held = ""
	return strings.ToValidUTF8(out, "\uFFFD")
}

// wholeRunes is the length of s without a rune at its end that lacks bytes.
func wholeRunes(s string) int {
	for i := len(s) - 1; i >= 0 && i >= len(s)-utf8.UTFMax; i-- {
		if utf8.RuneStart(s[i]) {
			if !utf8.FullRuneInString(s[i:]) {
				return i
			}
			break
		}
	}
	return len(s)
}
