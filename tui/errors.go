package tui

import (
	"errors"
	"strings"

	"github.com/bise-sh/bise/term"
)

// told gives the two sentences of an error: what went wrong, and what to do,
// which may be empty.
func told(err error) (msg, advice string) {
	if h, ok := errors.AsType[interface {
		error
		Hint() string
	}](err); ok {
		advice = h.Hint()
	}
	return sentence(term.Clean(err.Error())), term.Clean(advice)
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
