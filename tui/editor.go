package tui

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"github.com/bise-sh/bise/render/term"
)

// An editor is a text that is being written: a message, or a list's filter. The
// cursor stands between grapheme clusters, so that an emoji of several runes is
// one step.
type editor struct {
	text   string
	at     int  // the cursor, a byte offset
	single bool // one line

	past, future []draft // what undo and redo go back to
	typing       bool    // the last change was typing, which undo takes back in one step
	killed       string  // what was deleted last by word or line
	goal         int     // the column that up and down keep to, plus 1; 0: the cursor's

	width int
	top   int // the first row that is shown
	laid  layout
}

// A draft is a state of a text.
type draft struct {
	text string
	at   int
}

// maxUndo is how many steps are kept.
const maxUndo = 200

// set replaces the text, with the cursor at its end.
func (e *editor) set(text string) {
	e.replace(0, len(e.text), text)
}

// reset empties the editor and forgets its past.
func (e *editor) reset() { *e = editor{single: e.single, width: e.width, killed: e.killed} }

// replace puts text from outside in place of a part, and the cursor after it.
func (e *editor) replace(from, to int, text string) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = term.Clean(strings.ReplaceAll(text, "\r", "\n"))
	if e.single {
		text = strings.NewReplacer("\n", " ", "\t", " ").Replace(text)
	}
	e.keep()
	e.text = e.text[:from] + text + e.text[to:]
	e.at = from + len(text)
	e.goal = 0
}

// keep remembers the state before a change.
func (e *editor) keep() {
	e.past = append(e.past, draft{e.text, e.at})
	if len(e.past) > maxUndo {
		e.past = e.past[1:]
	}
	e.future = nil
	e.typing = false
}

// insert puts text at the cursor.
func (e *editor) insert(text string) { e.replace(e.at, e.at, text) }

// typed is insert for what comes key by key.
func (e *editor) typed(text string) {
	went, past := e.typing && text != " ", e.past
	e.insert(text)
	if went {
		e.past = past
	}
	e.typing = true
}

func (e *editor) undo() { e.past, e.future = e.goBack(e.past, e.future) }
func (e *editor) redo() { e.future, e.past = e.goBack(e.future, e.past) }

func (e *editor) goBack(from, to []draft) (_, _ []draft) {
	if len(from) == 0 {
		return from, to
	}
	to = append(to, draft{e.text, e.at})
	last := from[len(from)-1]
	e.text, e.at = last.text, last.at
	e.typing, e.goal = false, 0
	return from[:len(from)-1], to
}

// remove deletes a part; kill also keeps it for yank.
func (e *editor) remove(from, to int, kill bool) {
	if from >= to {
		return
	}
	if kill {
		e.killed = e.text[from:to]
	}
	e.replace(from, to, "")
}

// press takes a key; false when it means nothing here.
func (e *editor) press(k Key, keys *Keymap) bool {
	switch {
	case is(k, keys.Undo):
		e.undo()
	case is(k, keys.Redo):
		e.redo()
	case is(k, keys.WordLeft):
		e.move(e.wordLeft(e.at))
	case is(k, keys.WordRight):
		e.move(e.wordRight(e.at))
	case is(k, keys.LineStart):
		e.move(e.lineStart(e.at))
	case is(k, keys.LineEnd):
		e.move(e.lineEnd(e.at))
	case is(k, keys.DeleteWord):
		e.remove(e.wordLeft(e.at), e.at, true)
	case is(k, keys.DeleteToStart):
		e.remove(e.lineStart(e.at), e.at, true)
	case is(k, keys.DeleteToEnd):
		end := e.lineEnd(e.at)
		if end == e.at && end < len(e.text) {
			end++ // an empty rest takes the line's end with it
		}
		e.remove(e.at, end, true)
	case is(k, keys.Yank):
		if e.killed == "" {
			return false
		}
		e.insert(e.killed)
	default:
		return e.pressPlain(k)
	}
	return true
}

// pressPlain takes the keys that nobody remaps.
func (e *editor) pressPlain(k Key) bool {
	switch k.String() {
	case "left":
		e.move(e.left(e.at))
	case "right":
		e.move(e.right(e.at))
	case "up":
		return e.vertical(-1)
	case "down":
		return e.vertical(1)
	case "backspace", "shift+backspace":
		if e.at == 0 {
			return false
		}
		e.remove(e.left(e.at), e.at, false)
	case "delete":
		if e.at == len(e.text) {
			return false
		}
		e.remove(e.at, e.right(e.at), false)
	default:
		if k.Text == "" {
			return false
		}
		e.typed(k.Text)
	}
	return true
}

func (e *editor) move(to int) {
	e.at, e.goal, e.typing = to, 0, false
}

// left and right are the places before and after the cluster at i.
func (e *editor) left(i int) int {
	if i > 0 && e.text[i-1] == '\n' {
		return i - 1
	}
	last := e.lineStart(i)
	for at := last; at < i; {
		last = at
		at += len(cluster(e.text[at:]))
	}
	return last
}

func (e *editor) right(i int) int {
	return min(len(e.text), i+len(cluster(e.text[i:])))
}

// cluster is the first grapheme cluster of a text; a line's end is one.
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

func (e *editor) lineStart(i int) int { return strings.LastIndexByte(e.text[:i], '\n') + 1 }

func (e *editor) lineEnd(i int) int {
	if n := strings.IndexByte(e.text[i:], '\n'); n >= 0 {
		return i + n
	}
	return len(e.text)
}

// kindOf tells words, spaces and the rest apart.
func kindOf(r rune) int {
	switch {
	case unicode.IsSpace(r):
		return 0
	case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r == '_':
		return 1
	}
	return 2
}

func (e *editor) wordLeft(i int) int {
	kind := -1
	for i > 0 {
		r, n := utf8.DecodeLastRuneInString(e.text[:i])
		k := kindOf(r)
		if kind > 0 && k != kind {
			break
		}
		kind = max(kind, k)
		i -= n
	}
	return i
}

func (e *editor) wordRight(i int) int {
	kind := -1
	for i < len(e.text) {
		r, n := utf8.DecodeRuneInString(e.text[i:])
		k := kindOf(r)
		if kind > 0 && k != kind {
			break
		}
		kind = max(kind, k)
		i += n
	}
	return i
}

// vertical moves the cursor by rows as they are drawn; false when there are none.
func (e *editor) vertical(by int) bool {
	rows := e.rows()
	row, column := e.place()
	if row+by < 0 || row+by >= len(rows) {
		return false
	}
	if e.goal == 0 {
		e.goal = column + 1
	}
	goal := e.goal
	e.move(e.offset(rows[row+by], goal-1))
	e.goal = goal
	return true
}
