package kit

import (
	"context"
	"errors"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/render/term"
)

// A Notice is a message of one line that stops nobody. It stands in the footer
// until the next key, or, when it stays, until esc or another notice.
type Notice struct {
	Text  string
	Stays bool
	// The key that changes what happened, its action, and the name of that.
	Key, Word string
	Do        tea.Cmd
}

// Notify shows a notice.
type Notify func(Notice)

// Say shows a text.
func (n Notify) Say(text string) { n(Notice{Text: OneLine(text)}) }

// Undo shows what was done. The key u undoes it while the notice is shown.
func (n Notify) Undo(text string, undo tea.Cmd) {
	n(Notice{Text: OneLine(text), Key: "u", Word: "undo", Do: undo})
}

// Error shows an error that does not end anything.
func (n Notify) Error(err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	msg, advice := Explain(err)
	n(Notice{Text: OneLine(strings.TrimSpace(msg + " " + advice)), Stays: true})
}

// Explain returns the two sentences that describe an error: what went wrong, and
// what to do, which may be empty.
func Explain(err error) (msg, advice string) {
	msg, advice = fault.Explain(err)
	return Sentence(term.Clean(msg)), term.Clean(advice)
}

// Sentence begins s with a capital letter, if it begins with a word, and ends it
// with a full stop.
func Sentence(s string) string {
	s = strings.TrimSpace(s)
	if word, _, _ := strings.Cut(s, " "); word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyz") == "" {
		s = strings.ToUpper(s[:1]) + s[1:]
	}
	return fault.Sentence(s)
}
