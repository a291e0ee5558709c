package kit

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Vim is the part of vi that people use to write a few lines: motions, operators,
// counts, and the ways into inserting. A nil vim leaves all keys alone.
type Vim struct {
	normal   bool
	count    int
	operator rune // d, c or y waits for a motion; 0: none
	waits    rune // f, t, F, T, r or g wait for a character
	register string
	linewise bool // the register has whole lines
	repeat   []Key
	typed    []Key // of the command that is being given
	again    bool  // the keys are a repetition
}

// Inserting reports whether letters become text.
func (v *Vim) Inserting() bool { return v == nil || !v.normal }

// Press handles a key as vi does. It returns false for keys that insert text and for
// those that mean nothing here.
func (v *Vim) Press(e *Editor, k Key, keys *Keymap) bool {
	switch {
	case v == nil:
		return false
	case !v.normal:
		if k.String() == "esc" {
			v.leave(e)
			return true
		}
		if len(v.repeat) > 0 && !v.again && v.recording() {
			v.repeat = append(v.repeat, k)
		}
		return false
	case k.String() == "esc":
		if v.count == 0 && v.operator == 0 && v.waits == 0 {
			return false
		}
		v.rest()
		return true
	case k.String() == "ctrl+r" && len(e.future) > 0:
		e.redo()
		return true
	}
	r, _ := utf8.DecodeRuneInString(k.Text)
	if k.Text == "" {
		return false
	}
	v.typed = append(v.typed, k)
	if !v.command(e, r, keys) {
		v.rest()
	}
	return true // letters are never text here, whatever they mean
}

// recording reports whether an insertion belongs to the command that . repeats.
func (v *Vim) recording() bool { return len(v.typed) == 0 }

// rest forgets a command that was begun.
func (v *Vim) rest() { v.count, v.operator, v.waits, v.typed = 0, 0, 0, nil }

// leave goes from inserting to commands.
func (v *Vim) leave(e *Editor) {
	v.normal = true
	if len(v.repeat) > 0 && !v.again {
		v.repeat = append(v.repeat, Key{Name: "esc"})
	}
	if e.Cursor > e.LineStart(e.Cursor) {
		e.MoveTo(e.left(e.Cursor))
	}
}

// changed remembers the command that . repeats.
func (v *Vim) changed() {
	if !v.again {
		v.repeat = append([]Key(nil), v.typed...)
	}
	v.rest()
}

// command takes one character of a command; false when it means nothing.
func (v *Vim) command(e *Editor, r rune, keys *Keymap) bool {
	switch {
	case v.waits != 0:
		return v.awaited(e, r)
	case r >= '1' && r <= '9' || r == '0' && v.count > 0:
		v.count = min(v.count*10+int(r-'0'), 9999)
		return true
	case strings.ContainsRune("ftFTr", r) || r == 'g':
		v.waits = r
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
		v.reach(e, to, inclusive)
		return true
	}
	return v.operator == 0 && v.simple(e, r, keys)
}

// times is the count, 1 without.
func (v *Vim) times() int { return max(1, v.count) }

// motion is where a character moves to; inclusive motions take what is there with
// them.
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
		if v.operator == 'c' && to > e.Cursor { // as vi has it, cw leaves the space
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

// line is the motion to another line, by lines of the text.
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

// reach moves, or does to what lies between what the operator says.
func (v *Vim) reach(e *Editor, to int, inclusive bool) {
	operator := v.operator
	if operator == 0 {
		e.MoveTo(to)
		v.settle(e)
		v.rest()
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
		v.rest()
		return
	case 'd':
		e.Delete(from, to, false)
		v.settle(e)
	case 'c':
		e.Delete(from, to, false)
		v.normal = false
	}
	v.changed()
}

// lines does what the operator says to whole lines.
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
		v.rest()
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
	v.changed()
}

// awaited takes the character after f, t, F, T, r or g.
func (v *Vim) awaited(e *Editor, r rune) bool {
	waits := v.waits
	v.waits = 0
	switch waits {
	case 'g':
		if r != 'g' {
			return false
		}
		v.reach(e, 0, false)
		return true
	case 'r':
		if e.Cursor == e.lineEnd(e.Cursor) {
			return false
		}
		at := e.Cursor
		e.Replace(at, e.right(at), string(r))
		e.MoveTo(at)
		v.changed()
		return true
	}
	to, ok := v.find(e, waits, r)
	if !ok {
		return false
	}
	v.reach(e, to, waits == 'f' || waits == 't')
	return true
}

// find is where a character of the line is.
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

// simple does what a single character says.
func (v *Vim) simple(e *Editor, r rune, keys *Keymap) bool {
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
		return v.short(e, r, keys)
	case 'p', 'P':
		if v.register == "" {
			return true
		}
		v.put(e, r == 'p')
	case 'u':
		e.undo()
		v.settle(e)
		v.rest()
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
		v.rest()
		v.replay(e, keys)
		return true
	default:
		return false
	}
	v.changed()
	return true
}

// short does what is short for an operator and a motion.
func (v *Vim) short(e *Editor, r rune, keys *Keymap) bool {
	operator, motion := map[rune]rune{'x': 'd', 'D': 'd', 'C': 'c', 's': 'c', 'S': 'c', 'Y': 'y'}[r], map[rune]rune{'x': 'l', 'D': '$', 'C': '$', 's': 'l', 'S': 'c', 'Y': 'y'}[r]
	v.operator = operator
	return v.command(e, motion, keys)
}

// maxPut is how many bytes a put with a count inserts at most.
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
	v.again = true
	for _, k := range v.repeat {
		if !v.Press(e, k, keys) {
			e.Press(k, keys)
		}
	}
	v.again = false
}

// settle keeps the cursor on a character, where commands have it.
func (v *Vim) settle(e *Editor) {
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

// nextWord is where the next word begins.
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

// wordEnd is the last character of this word or the next.
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
