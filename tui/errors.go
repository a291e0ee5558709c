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

// sentence begins a text with a capital and ends it with a full stop.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return s
	}
	if strings.HasPrefix(s, "cannot ") || strings.HasPrefix(s, "the ") {
		s = strings.ToUpper(s[:1]) + s[1:]
	}
	if !strings.ContainsAny(s[len(s)-1:], ".?!:") {
		s += "."
	}
	return s
}
