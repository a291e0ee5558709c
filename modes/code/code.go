// Package code completes code at the cursor of an editor.
//
// A [Session] belongs to one editor and one model. It keeps the cost of a keystroke at
// the evaluation of the typed text: the context is fixed while the user types (see
// anchor), a suggestion is used again while it is being typed, and the next prompt is
// prefilled when the user is idle.
//
// Methods are safe for concurrent use.
package code

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/units"
)

// A Place is a cursor in the text of a file.
type Place struct {
	File string // the name shown to the model; it identifies the file in a session
	Text string // the whole text
	At   int    // the cursor, a byte offset in Text
}

// A Completion is text to insert at a place. Text is empty if there is no suggestion.
type Completion struct {
	Text      string
	Cached    bool          // no model request was needed
	Evaluated int           // evaluated prompt tokens
	Prompt    int           // all prompt tokens, including cached ones
	Took      time.Duration // from the request to the text
}

// Stats describes the cost of a completion on one line.
func (c Completion) Stats() string {
	if c.Cached {
		return "from cache"
	}
	return fmt.Sprintf("%d new of %s · %s", c.Evaluated, units.Plural(c.Prompt, "token"), units.Precise(c.Took))
}

// Position returns the byte offset of a line and a column, both from 1. The column
// counts characters; column 0 is the end of the line. An error has kind Invalid.
func Position(text string, line, column int) (int, error) {
	at := 0
	for n := 1; n < line; n++ {
		end := strings.IndexByte(text[at:], '\n')
		if end < 0 {
			return 0, invalidPosition("line %d is outside the text: it has %d", line, n)
		}
		at += end + 1
	}
	if line < 1 || column < 0 {
		return 0, invalidPosition("lines and columns start at 1")
	}
	rest, _, _ := strings.Cut(text[at:], "\n")
	rest = strings.TrimSuffix(rest, "\r")
	if column == 0 {
		return at + len(rest), nil
	}
	for n := 1; n < column; n++ {
		if rest == "" {
			return 0, invalidPosition("column %d is outside line %d: it has %d", column, line, n)
		}
		_, width := utf8.DecodeRuneInString(rest)
		rest = rest[width:]
		at += width
	}
	return at, nil
}

func invalidPosition(format string, args ...any) error {
	return &fault.Error{Kind: fault.Invalid, Param: "position", Msg: fmt.Sprintf(format, args...)}
}

// normal converts the line endings of a place to LF, as in the training data of
// models. crlf reports that the file uses CRLF, so that inserted text must use it too.
func (p Place) normal() (_ Place, crlf bool, err error) {
	if p.At < 0 || p.At > len(p.Text) {
		return p, false, invalidPosition("cursor %d is outside the text of %d bytes", p.At, len(p.Text))
	}
	for p.At > 0 && p.At < len(p.Text) && !utf8.RuneStart(p.Text[p.At]) {
		p.At--
	}
	if !strings.Contains(p.Text, "\r\n") {
		return p, false, nil
	}
	before := strings.ReplaceAll(p.Text[:p.At], "\r\n", "\n")
	p.Text = before + strings.ReplaceAll(p.Text[p.At:], "\r\n", "\n")
	p.At = len(before)
	return p, true, nil
}

// line returns the offset of the cursor's line.
func (p Place) line() int { return strings.LastIndexByte(p.Text[:p.At], '\n') + 1 }

// head returns the cursor's line up to the cursor.
func (p Place) head() string { return p.Text[p.line():p.At] }

// after returns the text after the cursor.
func (p Place) after() string { return p.Text[p.At:] }

// with returns the place after text is inserted.
func (p Place) with(text string) Place {
	p.Text = p.Text[:p.At] + text + p.Text[p.At:]
	p.At += len(text)
	return p
}

// blank reports whether a text is empty or white space.
func blank(s string) bool { return strings.TrimSpace(s) == "" }
