package kit

import (
	"context"
	"errors"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/render/term"
)

// A Notice is a message in the last lines of the frame. It disappears at the next key, or, if
// it stays, at esc or the next notice.
type Notice struct {
	Text  string
	Stays bool
	// Cause names what the notice is about, for [Notify.Solved]; "": nothing that can pass.
	Cause string
	// A key, its action and the name of the action, such as undo.
	Key, Word string
	Do        tea.Cmd
}

// Notify shows a notice. A notice without a text removes the one with the same cause.
type Notify func(Notice)

// Info shows a text that confirms what the user has just done.
func (n Notify) Info(text string) { n(Notice{Text: OneLine(text)}) }

// Warn shows a text that the user has to read: it stays.
func (n Notify) Warn(text string) { n(Notice{Text: OneLine(text), Stays: true}) }

// Solved removes the notice about a cause that is gone.
func (n Notify) Solved(cause string) { n(Notice{Cause: cause}) }

// Undo shows what was done. The key u undoes it while the notice is visible.
func (n Notify) Undo(text string, undo tea.Cmd) {
	n(Notice{Text: OneLine(text), Key: "u", Word: "undo", Do: undo})
}

// Error shows an error.
func (n Notify) Error(err error) { n.ErrorOf("", err) }

// ErrorOf shows an error until [Notify.Solved] is called with its cause.
func (n Notify) ErrorOf(cause string, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	msg, advice := Explain(err)
	n(Notice{Text: OneLine(strings.TrimSpace(msg + " " + advice)), Stays: true, Cause: cause})
}

// Outcome shows an error, or removes that of an earlier attempt.
func (n Notify) Outcome(cause string, err error) {
	if err == nil {
		n.Solved(cause)
		return
	}
	n.ErrorOf(cause, err)
}

// Explain returns an error's message and advice as sentences. The advice may be empty.
func Explain(err error) (msg, advice string) {
	msg, advice = fault.ExplainInside(err)
	return Sentence(term.Clean(msg)), term.Clean(advice)
}

// Sentence starts s with a capital letter, if it starts with a word, and ends it with a full
// stop.
func Sentence(s string) string {
	s = strings.TrimSpace(s)
	if word, _, _ := strings.Cut(s, " "); word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyz") == "" {
		s = strings.ToUpper(s[:1]) + s[1:]
	}
	return fault.Sentence(s)
}
