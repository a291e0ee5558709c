package kit

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"github.com/bise-sh/bise/render/term"
)

// An Editor is a text editor without a screen, for messages and filters. The cursor is between
// grapheme clusters, so that an emoji of several runes is one step.
type Editor struct {
	Text       string
	Cursor     int  // a byte offset
	SingleLine bool // newlines become spaces

	undoStack, redoStack []draft // for undo and redo
	typing               bool    // the last change was typing, which is one undo step
	killed               string  // the last deletion of a word or line, for yank
	goal                 int     // the column that up and down keep, plus 1; 0: the cursor's

	Width  int
	Tab    int // the distance of tab stops; 0: 4
	Top    int // the first visible row
	layout layout
}

// A draft is a version of the text.
type draft struct {
	text string
	at   int
}

// maxUndo is how many versions are kept.
const maxUndo = 200

// SetText replaces the text, with the cursor at its end.
func (e *Editor) SetText(text string) {
	e.Replace(0, len(e.Text), text)
}

// Reset empties the editor and its undo history.
func (e *Editor) Reset() {
	*e = Editor{SingleLine: e.SingleLine, Tab: e.Tab, Width: e.Width, killed: e.killed}
}

// ClearUndo empties the undo history.
func (e *Editor) ClearUndo() { e.undoStack, e.redoStack = nil, nil }

// Replace replaces a part with text from outside, and moves the cursor after it.
func (e *Editor) Replace(from, to int, text string) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = term.Clean(strings.ReplaceAll(text, "\r", "\n"))
	if e.SingleLine {
		text = strings.NewReplacer("\n", " ", "\t", " ").Replace(text)
	}
	e.snapshot()
	e.Text = e.Text[:from] + text + e.Text[to:]
	e.Cursor = from + len(text)
	e.goal = 0
}

// snapshot saves the text before a change.
func (e *Editor) snapshot() {
	e.undoStack = append(e.undoStack, draft{e.Text, e.Cursor})
	if len(e.undoStack) > maxUndo {
		e.undoStack = e.undoStack[1:]
	}
	e.redoStack = nil
	e.typing = false
}

// Insert inserts text at the cursor.
func (e *Editor) Insert(text string) { e.Replace(e.Cursor, e.Cursor, text) }

// Type inserts typed text; a sequence of calls is one undo step.
func (e *Editor) Type(text string) {
	wasTyping, past := e.typing && text != " ", e.undoStack
	e.Insert(text)
	if wasTyping {
		e.undoStack = past
	}
	e.typing = true
}

func (e *Editor) undo() { e.undoStack, e.redoStack = e.restore(e.undoStack, e.redoStack) }
func (e *Editor) redo() { e.redoStack, e.undoStack = e.restore(e.redoStack, e.undoStack) }

func (e *Editor) restore(from, to []draft) (_, _ []draft) {
	if len(from) == 0 {
		return from, to
	}
	to = append(to, draft{e.Text, e.Cursor})
	last := from[len(from)-1]
	e.Text, e.Cursor = last.text, last.at
	e.typing, e.goal = false, 0
	return from[:len(from)-1], to
}

// Delete deletes a part; kill also saves it for yank.
func (e *Editor) Delete(from, to int, kill bool) {
	if from >= to {
		return
	}
	if kill {
		e.killed = e.Text[from:to]
	}
	e.Replace(from, to, "")
}

// Press handles a key. It returns false if the key does nothing.
func (e *Editor) Press(k Key, keys *Keymap) bool {
	switch {
	case Matches(k, keys.Undo):
		e.undo()
	case Matches(k, keys.Redo):
		e.redo()
	case Matches(k, keys.WordLeft):
		e.MoveTo(e.wordLeft(e.Cursor))
	case Matches(k, keys.WordRight):
		e.MoveTo(e.WordRight(e.Cursor))
	case Matches(k, keys.LineStart):
		e.MoveTo(e.LineStart(e.Cursor))
	case Matches(k, keys.LineEnd):
		e.MoveTo(e.lineEnd(e.Cursor))
	case Matches(k, keys.DeleteWord):
		e.Delete(e.wordLeft(e.Cursor), e.Cursor, true)
	case Matches(k, keys.DeleteToStart):
		e.Delete(e.LineStart(e.Cursor), e.Cursor, true)
	case Matches(k, keys.DeleteToEnd):
		end := e.lineEnd(e.Cursor)
		if end == e.Cursor && end < len(e.Text) {
			end++ // at the end of a line, delete the newline
		}
		e.Delete(e.Cursor, end, true)
	case Matches(k, keys.Yank):
		if e.killed == "" {
			return false
		}
		e.Insert(e.killed)
	default:
		return e.pressPlain(k)
	}
	return true
}

// pressPlain handles the keys that cannot be remapped.
func (e *Editor) pressPlain(k Key) bool {
	switch k.String() {
	case "left":
		e.MoveTo(e.left(e.Cursor))
	case "right":
		e.MoveTo(e.right(e.Cursor))
	case "up":
		return e.vertical(-1)
	case "down":
		return e.vertical(1)
	case "backspace", "shift+backspace":
		if e.Cursor == 0 {
			return false
		}
		e.Delete(e.left(e.Cursor), e.Cursor, false)
	case "delete":
		if e.Cursor == len(e.Text) {
			return false
		}
		e.Delete(e.Cursor, e.right(e.Cursor), false)
	default:
		if k.Text == "" {
			return false
		}
		e.Type(k.Text)
	}
	return true
}

func (e *Editor) MoveTo(to int) {
	e.Cursor, e.goal, e.typing = to, 0, false
}

// left and right return the positions before and after the cluster at i.
func (e *Editor) left(i int) int {
	if i > 0 && e.Text[i-1] == '\n' {
		return i - 1
	}
	last := e.LineStart(i)
	for at := last; at < i; {
		last = at
		at += len(cluster(e.Text[at:]))
	}
	return last
}

func (e *Editor) right(i int) int {
	return min(len(e.Text), i+len(cluster(e.Text[i:])))
}

// cluster returns the first grapheme cluster of a text. A newline is one.
func cluster(s string) string {
	if s == "" {
		return ""
	}
	if s[0] == '\n' || s[0] < utf8.RuneSelf && (len(s) == 1 || s[1] < utf8.RuneSelf) {
		return s[:1]
	}
	c, _ := ansi.FirstGraphemeCluster(s, ansi.GraphemeWidth)
	if c == "" {
		return s[:1]
	}
	return c
}

func (e *Editor) LineStart(i int) int { return strings.LastIndexByte(e.Text[:i], '\n') + 1 }

func (e *Editor) lineEnd(i int) int {
	if n := strings.IndexByte(e.Text[i:], '\n'); n >= 0 {
		return i + n
	}
	return len(e.Text)
}

// kindOf separates words, spaces and other characters.
func kindOf(r rune) int {
	switch {
	case unicode.IsSpace(r):
		return 0
	case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r == '_':
		return 1
	}
	return 2
}

func (e *Editor) wordLeft(i int) int {
	kind := -1
	for i > 0 {
		r, n := utf8.DecodeLastRuneInString(e.Text[:i])
		k := kindOf(r)
		if kind > 0 && k != kind {
			break
		}
		kind = max(kind, k)
		i -= n
	}
	return i
}

func (e *Editor) WordRight(i int) int {
	kind := -1
	for i < len(e.Text) {
		r, n := utf8.DecodeRuneInString(e.Text[i:])
		k := kindOf(r)
		if kind > 0 && k != kind {
			break
		}
		kind = max(kind, k)
		i += n
	}
	return i
}

// vertical moves the cursor by visual rows. It returns false at the first or last row.
func (e *Editor) vertical(by int) bool {
	rows := e.Rows()
	row, column := e.Position()
	if row+by < 0 || row+by >= len(rows) {
		return false
	}
	if e.goal == 0 {
		e.goal = column + 1
	}
	goal := e.goal
	e.MoveTo(e.Offset(rows[row+by], goal-1))
	e.goal = goal
	return true
}
