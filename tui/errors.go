package tui

import (
	"strings"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/render/term"
)

// told returns the two sentences of an error: what went wrong, and what to do,
// which may be empty.
func told(err error) (msg, advice string) {
	msg, advice = fault.Explain(err)
	return sentence(term.Clean(msg)), term.Clean(advice)
}

// sentence begins a text with a capital, if it begins with a word, and ends it
// with a full stop.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return s
	}
	if word, _, _ := strings.Cut(s, " "); strings.Trim(word, "abcdefghijklmnopqrstuvwxyz") == "" {
		s = strings.ToUpper(s[:1]) + s[1:]
	}
	if !strings.ContainsAny(s[len(s)-1:], ".?!:") {
		s += "."
	}
	return s
}
