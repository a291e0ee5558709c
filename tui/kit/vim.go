package kit

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Vim is the part of vi for writing a few lines: motions, operators, counts, and insertion. A
// nil Vim ignores all keys.
type Vim struct {
	normal    bool
	count     int
	operator  rune // d, c or y; 0: none
	pending   rune // f, t, F, T, r or g; 0: none
	register  string
	linewise  bool // the register has whole lines
	repeat    []Key
	typed     []Key // of the current command
	replaying bool  // the keys come from a repetition
}

// Inserting reports whether letters become text.
func (v *Vim) Inserting() bool { return v == nil || !v.normal }

// Press handles a key as vi does. It returns false for keys that insert text or do nothing.
func (v *Vim) Press(e *Editor, k Key, keys *Keymap) bool {
	switch {
	case v == nil:
		return false
	case !v.normal:
		if k.String() == "esc" {
			v.enterNormal(e)
			return true
		}
		if len(v.repeat) > 0 && !v.replaying && v.recording() {
			v.repeat = append(v.repeat, k)
		}
		return false
	case k.String() == "esc":
		if v.count == 0 && v.operator == 0 && v.pending == 0 {
			return false
		}
		v.clear()
		return true
	case k.String() == "ctrl+r" && len(e.redoStack) > 0:
		e.redo()
		return true
	}
	r, _ := utf8.DecodeRuneInString(k.Text)
	if k.Text == "" {
		return false
	}
	v.typed = append(v.typed, k)
	if !v.command(e, r, keys) {
		v.clear()
	}
	return true // in normal mode, letters never insert text
}

// recording reports whether an insertion belongs to the command that . repeats.
func (v *Vim) recording() bool { return len(v.typed) == 0 }

// clear resets a command that was started.
func (v *Vim) clear() { v.count, v.operator, v.pending, v.typed = 0, 0, 0, nil }

// enterNormal switches from insert mode to normal mode.
func (v *Vim) enterNormal(e *Editor) {
	v.normal = true
	if len(v.repeat) > 0 && !v.replaying {
		v.repeat = append(v.repeat, Key{Name: "esc"})
	}
	if e.Cursor > e.LineStart(e.Cursor) {
		e.MoveTo(e.left(e.Cursor))
	}
}

// saveRepeat saves the command for the repetition with a dot.
func (v *Vim) saveRepeat() {
	if !v.replaying {
		v.repeat = append([]Key(nil), v.typed...)
	}
	v.clear()
}

// command handles one character of a command. It returns false if the character does nothing.
func (v *Vim) command(e *Editor, r rune, keys *Keymap) bool {
	switch {
	case v.pending != 0:
		return v.pendingKey(e, r)
	case r >= '1' && r <= '9' || r == '0' && v.count > 0:
		v.count = min(v.count*10+int(r-'0'), 9999)
		return true
	case strings.ContainsRune("ftFTr", r) || r == 'g':
		v.pending = r
		return true
	case v.operator != 0 && r == v.operator:
		v.lines(e)
		return true
	case strings.ContainsRune("dcy", r):
		if v.operator != 0 {
			return false
		}
		v.operator = r
		return true
	}
	if to, inclusive, ok := v.motion(e, r); ok {
		v.apply(e, to, inclusive)
		return true
	}
	return v.operator == 0 && v.single(e, r, keys)
}

// times returns the count, 1 by default.
func (v *Vim) times() int { return max(1, v.count) }

// motion returns the position after a motion. Inclusive motions include the character there.
func (v *Vim) motion(e *Editor, r rune) (to int, inclusive, ok bool) {
	to = e.Cursor
	step := func(f func(int) int) {
		for range v.times() {
			to = f(to)
		}
	}
	switch r {
	case 'h':
		step(func(i int) int { return max(e.LineStart(e.Cursor), e.left(i)) })
	case 'l', ' ':
		step(func(i int) int { return min(e.lineEnd(e.Cursor), e.right(i)) })
	case 'w':
		step(e.nextWord)
		if v.operator == 'c' && to > e.Cursor { // as in vi, cw leaves the space
			to = e.Cursor + len(strings.TrimRightFunc(e.Text[e.Cursor:to], unicode.IsSpace))
			if to == e.Cursor {
				step(e.nextWord)
			}
		}
	case 'b':
		step(e.wordLeft)
	case 'e':
		step(e.wordEnd)
		inclusive = true
	case '0':
		to = e.LineStart(e.Cursor)
	case '^', '_':
		to = e.LineStart(e.Cursor)
		to += len(e.Text[to:e.lineEnd(to)]) - len(strings.TrimLeft(e.Text[to:e.lineEnd(to)], " \t"))
	case '$':
		to = e.lineEnd(e.Cursor)
	case 'G':
		to = e.LineStart(len(e.Text))
	case 'j', 'k':
		return v.line(e, r)
	default:
		return 0, false, false
	}
	return to, inclusive, true
}

// line returns the position in another line.
func (v *Vim) line(e *Editor, r rune) (to int, inclusive, ok bool) {
	start := e.LineStart(e.Cursor)
	column := e.Cursor - start
	for range v.times() {
		switch {
		case r == 'j' && e.lineEnd(start) < len(e.Text):
			start = e.lineEnd(start) + 1
		case r == 'k' && start > 0:
			start = e.LineStart(start - 1)
		default:
			return 0, false, false
		}
	}
	to = start
	for to < min(start+column, e.lineEnd(start)) {
		to = e.right(to)
	}
	return min(to, e.lineEnd(start)), false, true
}

// apply moves the cursor, or applies the operator to the text up to a position.
func (v *Vim) apply(e *Editor, to int, inclusive bool) {
	operator := v.operator
	if operator == 0 {
		e.MoveTo(to)
		v.clamp(e)
		v.clear()
		return
	}
	from := min(e.Cursor, to)
	to = max(e.Cursor, to)
	if inclusive {
		to = e.right(to)
	}
	v.register, v.linewise = e.Text[from:to], false
	switch operator {
	case 'y':
		e.MoveTo(from)
		v.clear()
		return
	case 'd':
		e.Delete(from, to, false)
		v.clamp(e)
	case 'c':
		e.Delete(from, to, false)
		v.normal = false
	}
	v.saveRepeat()
}

// lines applies the operator to whole lines.
func (v *Vim) lines(e *Editor) {
	operator := v.operator
	from := e.LineStart(e.Cursor)
	to := e.lineEnd(e.Cursor)
	for range v.times() - 1 {
		if to < len(e.Text) {
			to = e.lineEnd(to + 1)
		}
	}
	v.register, v.linewise = e.Text[from:to], true
	switch operator {
	case 'y':
		v.clear()
		return
	case 'c':
		e.Delete(from, to, false)
		v.normal = false
	case 'd':
		switch {
		case to < len(e.Text):
			to++
		case from > 0:
			from--
		}
		e.Delete(from, to, false)
		e.MoveTo(e.LineStart(e.Cursor))
	}
	v.saveRepeat()
}

// pendingKey handles the character after f, t, F, T, r or g.
func (v *Vim) pendingKey(e *Editor, r rune) bool {
	pending := v.pending
	v.pending = 0
	switch pending {
	case 'g':
		if r != 'g' {
			return false
		}
		v.apply(e, 0, false)
		return true
	case 'r':
		if e.Cursor == e.lineEnd(e.Cursor) {
			return false
		}
		at := e.Cursor
		e.Replace(at, e.right(at), string(r))
		e.MoveTo(at)
		v.saveRepeat()
		return true
	}
	to, ok := v.find(e, pending, r)
	if !ok {
		return false
	}
	v.apply(e, to, pending == 'f' || pending == 't')
	return true
}

// find returns the position of a character in the line.
func (v *Vim) find(e *Editor, how, r rune) (int, bool) {
	to := e.Cursor
	for range v.times() {
		if how == 'f' || how == 't' {
			next := e.right(to)
			i := strings.IndexRune(e.Text[min(next, e.lineEnd(e.Cursor)):e.lineEnd(e.Cursor)], r)
			if i < 0 {
				return 0, false
			}
			to = next + i
			continue
		}
		i := strings.LastIndex(e.Text[e.LineStart(e.Cursor):to], string(r))
		if i < 0 {
			return 0, false
		}
		to = e.LineStart(e.Cursor) + i
	}
	switch how {
	case 't':
		to = e.left(to)
	case 'T':
		to = e.right(to)
	}
	return to, true
}

// single handles a command of one character.
func (v *Vim) single(e *Editor, r rune, keys *Keymap) bool {
	insert := func(at int) {
		e.MoveTo(at)
		v.normal = false
	}
	switch r {
	case 'i':
		insert(e.Cursor)
	case 'a':
		insert(min(e.lineEnd(e.Cursor), e.right(e.Cursor)))
	case 'I':
		to, _, _ := v.motion(e, '^')
		insert(to)
	case 'A':
		insert(e.lineEnd(e.Cursor))
	case 'o':
		insert(e.lineEnd(e.Cursor))
		e.Insert("\n")
	case 'O':
		at := e.LineStart(e.Cursor)
		e.Replace(at, at, "\n")
		insert(at)
	case 'x', 'D', 'C', 's', 'S', 'Y':
		return v.shorthand(e, r, keys)
	case 'p', 'P':
		if v.register == "" {
			return true
		}
		v.put(e, r == 'p')
	case 'u':
		e.undo()
		v.clamp(e)
		v.clear()
		return true
	case '~':
		if end := min(e.right(e.Cursor), e.lineEnd(e.Cursor)); end > e.Cursor {
			e.Replace(e.Cursor, end, swapCase(e.Text[e.Cursor:end]))
		}
	case 'J':
		if end := e.lineEnd(e.Cursor); end < len(e.Text) {
			rest := strings.TrimLeft(e.Text[end+1:e.lineEnd(end+1)], " \t")
			e.Replace(end, e.lineEnd(end+1), " "+rest)
			e.MoveTo(end)
		}
	case '.':
		v.clear()
		v.replay(e, keys)
		return true
	default:
		return false
	}
	v.saveRepeat()
	return true
}

// shorthand handles a command that is short for an operator and a motion.
func (v *Vim) shorthand(e *Editor, r rune, keys *Keymap) bool {
	operator, motion := map[rune]rune{'x': 'd', 'D': 'd', 'C': 'c', 's': 'c', 'S': 'c', 'Y': 'y'}[r], map[rune]rune{'x': 'l', 'D': '$', 'C': '$', 's': 'l', 'S': 'c', 'Y': 'y'}[r]
	v.operator = operator
	return v.command(e, motion, keys)
}

// maxPut is the maximum number of bytes that a put with a count inserts.
const maxPut = 10_000_000

// put inserts the register after the cursor, or before.
func (v *Vim) put(e *Editor, after bool) {
	at := e.Cursor
	text := strings.Repeat(v.register, min(v.times(), 1+maxPut/max(1, len(v.register))))
	switch {
	case v.linewise && after:
		at = e.lineEnd(at)
		e.Replace(at, at, "\n"+text)
		e.MoveTo(at + 1)
	case v.linewise:
		at = e.LineStart(at)
		e.Replace(at, at, text+"\n")
		e.MoveTo(at)
	default:
		if after {
			at = min(e.lineEnd(at), e.right(at))
		}
		e.Replace(at, at, text)
		e.MoveTo(e.left(e.Cursor))
	}
}

// replay repeats the last change.
func (v *Vim) replay(e *Editor, keys *Keymap) {
	v.replaying = true
	for _, k := range v.repeat {
		if !v.Press(e, k, keys) {
			e.Press(k, keys)
		}
	}
	v.replaying = false
}

// clamp keeps the cursor on a character, as normal mode needs.
func (v *Vim) clamp(e *Editor) {
	if e.Cursor == e.lineEnd(e.Cursor) && e.Cursor > e.LineStart(e.Cursor) {
		e.MoveTo(e.left(e.Cursor))
	}
}

func swapCase(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsUpper(r) {
			return unicode.ToLower(r)
		}
		return unicode.ToUpper(r)
	}, s)
}

// nextWord returns the start of the next word.
func (e *Editor) nextWord(i int) int {
	start := i
	if i < len(e.Text) {
		r, _ := utf8.DecodeRuneInString(e.Text[i:])
		kind := kindOf(r)
		for i < len(e.Text) {
			r, n := utf8.DecodeRuneInString(e.Text[i:])
			if kindOf(r) != kind {
				break
			}
			i += n
		}
		if kind == 0 && i > start {
			return i
		}
	}
	for i < len(e.Text) {
		r, n := utf8.DecodeRuneInString(e.Text[i:])
		if !unicode.IsSpace(r) {
			break
		}
		i += n
	}
	return i
}

// wordEnd returns the last character of this word or the next.
func (e *Editor) wordEnd(i int) int {
	if i < len(e.Text) {
		i = e.right(i)
	}
	end := e.WordRight(i)
	if end == 0 {
		return 0
	}
	return e.left(end)
}
