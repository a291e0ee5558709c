// Package code is the mode that fills in code at the cursor of an editor.
//
// A [Session] belongs to one editor and one model. It builds prompts so that a
// key pressed costs the evaluation of that key: what the model has read of a
// file is frozen while the person types (see anchor), what was suggested is
// served again as long as it is being typed, and when nothing happens the next
// prompt is read ahead.
//
// Methods may be called from any goroutine.
package code

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bise-sh/bise/fault"
)

// A Place is where text is to be filled in.
type Place struct {
	File string // as the model is to call it, and as a session tells files apart
	Text string // all of it
	At   int    // the cursor, a byte offset in Text
}

// A Completion is text to be put in at a place. Its text is empty when there is
// nothing to suggest.
type Completion struct {
	Text      string
	Cached    bool          // it was known, and the model was not asked
	Evaluated int           // prompt tokens that the model had to read
	Prompt    int           // prompt tokens, those it knew among them
	Took      time.Duration // from the request to the text
}

// Position is the byte offset of a line and a column, both counted from 1, the
// column in characters. Column 0 is the end of the line. The error is of kind
// Invalid.
func Position(text string, line, column int) (int, error) {
	at := 0
	for n := 1; n < line; n++ {
		end := strings.IndexByte(text[at:], '\n')
		if end < 0 {
			return 0, outside("there is no line %d: the text has %d", line, n)
		}
		at += end + 1
	}
	if line < 1 || column < 0 {
		return 0, outside("lines and columns are counted from 1")
	}
	rest, _, _ := strings.Cut(text[at:], "\n")
	rest = strings.TrimSuffix(rest, "\r")
	if column == 0 {
		return at + len(rest), nil
	}
	for n := 1; n < column; n++ {
		if rest == "" {
			return 0, outside("there is no column %d: line %d has %d", column, line, n)
		}
		_, width := utf8.DecodeRuneInString(rest)
		rest = rest[width:]
		at += width
	}
	return at, nil
}

func outside(format string, args ...any) error {
	return &fault.Error{Kind: fault.Invalid, Param: "position", Msg: fmt.Sprintf(format, args...)}
}

// normal is the place in a text whose lines end with a newline alone, as models
// have read code. crlf tells that the file's lines do not, so that what is put in
// gets their ends too.
func (p Place) normal() (_ Place, crlf bool, err error) {
	if p.At < 0 || p.At > len(p.Text) {
		return p, false, outside("the cursor is at byte %d of a text of %d", p.At, len(p.Text))
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

// line is where the cursor's line begins.
func (p Place) line() int { return strings.LastIndexByte(p.Text[:p.At], '\n') + 1 }

// head is the cursor's line before it.
func (p Place) head() string { return p.Text[p.line():p.At] }

// after is what comes after the cursor.
func (p Place) after() string { return p.Text[p.At:] }

// with is the place after a text is put in.
func (p Place) with(text string) Place {
	p.Text = p.Text[:p.At] + text + p.Text[p.At:]
	p.At += len(text)
	return p
}

// blank reports whether a text has nothing that can be seen.
func blank(s string) bool { return strings.TrimSpace(s) == "" }
