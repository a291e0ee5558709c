package tui

import (
	"strings"
	"unicode"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
)

// vim is the part of vi that people use to write a few lines: motions, operators,
// counts, and the ways into inserting. A nil vim leaves all keys alone.
type vim struct {
	normal   bool
	count    int
	operator rune // d, c or y waits for a motion; 0: none
	waits    rune // f, t, F, T, r or g wait for a character
	register string
	linewise bool // the register has whole lines
	repeat   []tea.KeyPressMsg
	typed    []tea.KeyPressMsg // of the command that is being given
	again    bool              // the keys are a repetition
}

// inserting reports whether letters become text.
func (v *vim) inserting() bool { return v == nil || !v.normal }

// press takes a key in the way of vi, unless letters are to be inserted.
func (v *vim) press(c *composer, k tea.KeyPressMsg) outcome {
	switch {
	case v == nil:
		return pass()
	case !v.normal:
		if k.String() == "esc" {
			v.leave(&c.editor)
			return took(nil)
		}
		if len(v.repeat) > 0 && !v.again && v.recording() {
			v.repeat = append(v.repeat, k)
		}
		return pass()
	case k.String() == "esc":
		if v.count == 0 && v.operator == 0 && v.waits == 0 {
			return pass()
		}
		v.rest()
		return took(nil)
	case k.String() == "ctrl+r" && len(c.future) > 0:
		c.redo()
		return took(nil)
	}
	r, _ := utf8.DecodeRuneInString(k.Text)
	if k.Text == "" || k.Mod&(tea.ModCtrl|tea.ModAlt) != 0 {
		return pass()
	}
	v.typed = append(v.typed, k)
	if !v.command(c, r) {
		v.rest()
	}
	return took(nil) // letters are never text here, whatever they mean
}

// recording reports whether an insertion belongs to the command that . repeats.
func (v *vim) recording() bool { return len(v.typed) == 0 }

// rest forgets a command that was begun.
func (v *vim) rest() { v.count, v.operator, v.waits, v.typed = 0, 0, 0, nil }

// leave goes from inserting to commands.
func (v *vim) leave(e *editor) {
	v.normal = true
	if len(v.repeat) > 0 && !v.again {
		v.repeat = append(v.repeat, tea.KeyPressMsg{Code: tea.KeyEscape})
	}
	if e.at > e.lineStart(e.at) {
		e.move(e.left(e.at))
	}
}

// changed remembers the command that . repeats.
func (v *vim) changed() {
	if !v.again {
		v.repeat = append([]tea.KeyPressMsg(nil), v.typed...)
	}
	v.rest()
}

// command takes one character of a command; false when it means nothing.
func (v *vim) command(c *composer, r rune) bool {
	e := &c.editor
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
	return v.operator == 0 && v.simple(c, r)
}

// times is the count, 1 without.
func (v *vim) times() int { return max(1, v.count) }

// motion is where a character moves to; inclusive motions take what is there with
// them.
func (v *vim) motion(e *editor, r rune) (to int, inclusive, ok bool) {
	to = e.at
	step := func(f func(int) int) {
		for range v.times() {
			to = f(to)
		}
	}
	switch r {
	case 'h':
		step(func(i int) int { return max(e.lineStart(e.at), e.left(i)) })
	case 'l', ' ':
		step(func(i int) int { return min(e.lineEnd(e.at), e.right(i)) })
	case 'w':
		step(e.nextWord)
		if v.operator == 'c' && to > e.at { // as vi has it, cw leaves the space
			to = e.at + len(strings.TrimRightFunc(e.text[e.at:to], unicode.IsSpace))
			if to == e.at {
				step(e.nextWord)
			}
		}
	case 'b':
		step(e.wordLeft)
	case 'e':
		step(e.wordEnd)
		inclusive = true
	case '0':
		to = e.lineStart(e.at)
	case '^', '_':
		to = e.lineStart(e.at)
		to += len(e.text[to:e.lineEnd(to)]) - len(strings.TrimLeft(e.text[to:e.lineEnd(to)], " \t"))
	case '$':
		to = e.lineEnd(e.at)
	case 'G':
		to = e.lineStart(len(e.text))
	case 'j', 'k':
		return v.line(e, r)
	default:
		return 0, false, false
	}
	return to, inclusive, true
}

// line is the motion to another line, by lines of the text.
func (v *vim) line(e *editor, r rune) (to int, inclusive, ok bool) {
	start := e.lineStart(e.at)
	column := e.at - start
	for range v.times() {
		switch {
		case r == 'j' && e.lineEnd(start) < len(e.text):
			start = e.lineEnd(start) + 1
		case r == 'k' && start > 0:
			start = e.lineStart(start - 1)
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
func (v *vim) reach(e *editor, to int, inclusive bool) {
	operator := v.operator
	if operator == 0 {
		e.move(to)
		v.settle(e)
		v.rest()
		return
	}
	from := min(e.at, to)
	to = max(e.at, to)
	if inclusive {
		to = e.right(to)
	}
	v.register, v.linewise = e.text[from:to], false
	switch operator {
	case 'y':
		e.move(from)
		v.rest()
		return
	case 'd':
		e.remove(from, to, false)
		v.settle(e)
	case 'c':
		e.remove(from, to, false)
		v.normal = false
	}
	v.changed()
}

// lines does what the operator says to whole lines.
func (v *vim) lines(e *editor) {
	operator := v.operator
	from := e.lineStart(e.at)
	to := e.lineEnd(e.at)
	for range v.times() - 1 {
		if to < len(e.text) {
			to = e.lineEnd(to + 1)
		}
	}
	v.register, v.linewise = e.text[from:to], true
	switch operator {
	case 'y':
		v.rest()
		return
	case 'c':
		e.remove(from, to, false)
		v.normal = false
	case 'd':
		switch {
		case to < len(e.text):
			to++
		case from > 0:
			from--
		}
		e.remove(from, to, false)
		e.move(e.lineStart(e.at))
	}
	v.changed()
}

// awaited takes the character after f, t, F, T, r or g.
func (v *vim) awaited(e *editor, r rune) bool {
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
		if e.at == e.lineEnd(e.at) {
			return false
		}
		at := e.at
		e.replace(at, e.right(at), string(r))
		e.move(at)
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
func (v *vim) find(e *editor, how, r rune) (int, bool) {
	to := e.at
	for range v.times() {
		if how == 'f' || how == 't' {
			next := e.right(to)
			i := strings.IndexRune(e.text[min(next, e.lineEnd(e.at)):e.lineEnd(e.at)], r)
			if i < 0 {
				return 0, false
			}
			to = next + i
			continue
		}
		i := strings.LastIndex(e.text[e.lineStart(e.at):to], string(r))
		if i < 0 {
			return 0, false
		}
		to = e.lineStart(e.at) + i
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
func (v *vim) simple(c *composer, r rune) bool {
	e := &c.editor
	insert := func(at int) {
		e.move(at)
		v.normal = false
	}
	switch r {
	case 'i':
		insert(e.at)
	case 'a':
		insert(min(e.lineEnd(e.at), e.right(e.at)))
	case 'I':
		to, _, _ := v.motion(e, '^')
		insert(to)
	case 'A':
		insert(e.lineEnd(e.at))
	case 'o':
		insert(e.lineEnd(e.at))
		e.insert("\n")
	case 'O':
		at := e.lineStart(e.at)
		e.replace(at, at, "\n")
		insert(at)
	case 'x', 'D', 'C', 's', 'S', 'Y':
		return v.short(c, r)
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
		if end := min(e.right(e.at), e.lineEnd(e.at)); end > e.at {
			e.replace(e.at, end, swapCase(e.text[e.at:end]))
		}
	case 'J':
		if end := e.lineEnd(e.at); end < len(e.text) {
			rest := strings.TrimLeft(e.text[end+1:e.lineEnd(end+1)], " \t")
			e.replace(end, e.lineEnd(end+1), " "+rest)
			e.move(end)
		}
	case '.':
		v.rest()
		v.replay(c)
		return true
	default:
		return false
	}
	v.changed()
	return true
}

// short does what is short for an operator and a motion.
func (v *vim) short(c *composer, r rune) bool {
	operator, motion := map[rune]rune{'x': 'd', 'D': 'd', 'C': 'c', 's': 'c', 'S': 'c', 'Y': 'y'}[r], map[rune]rune{'x': 'l', 'D': '$', 'C': '$', 's': 'l', 'S': 'c', 'Y': 'y'}[r]
	v.operator = operator
	return v.command(c, motion)
}

// maxRepeated is how much text a repeated put inserts, in bytes.
const maxRepeated = 10_000_000

// put inserts the register after the cursor, or before.
func (v *vim) put(e *editor, after bool) {
	at := e.at
	text := strings.Repeat(v.register, min(v.times(), 1+maxRepeated/max(1, len(v.register))))
	switch {
	case v.linewise && after:
		at = e.lineEnd(at)
		e.replace(at, at, "\n"+text)
		e.move(at + 1)
	case v.linewise:
		at = e.lineStart(at)
		e.replace(at, at, text+"\n")
		e.move(at)
	default:
		if after {
			at = min(e.lineEnd(at), e.right(at))
		}
		e.replace(at, at, text)
		e.move(e.left(e.at))
	}
}

// replay repeats the last change.
func (v *vim) replay(c *composer) {
	keys := v.repeat
	v.again = true
	for _, k := range keys {
		if o := v.press(c, k); !o.handled {
			c.editor.press(k, c.keys)
		}
	}
	v.again = false
}

// settle keeps the cursor on a character, where commands have it.
func (v *vim) settle(e *editor) {
	if e.at == e.lineEnd(e.at) && e.at > e.lineStart(e.at) {
		e.move(e.left(e.at))
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
func (e *editor) nextWord(i int) int {
	start := i
	if i < len(e.text) {
		r, _ := utf8.DecodeRuneInString(e.text[i:])
		kind := kindOf(r)
		for i < len(e.text) {
			r, n := utf8.DecodeRuneInString(e.text[i:])
			if kindOf(r) != kind {
				break
			}
			i += n
		}
		if kind == 0 && i > start {
			return i
		}
	}
	for i < len(e.text) {
		r, n := utf8.DecodeRuneInString(e.text[i:])
		if !unicode.IsSpace(r) {
			break
		}
		i += n
	}
	return i
}

// wordEnd is the last character of this word or the next.
func (e *editor) wordEnd(i int) int {
	if i < len(e.text) {
		i = e.right(i)
	}
	end := e.wordRight(i)
	if end == 0 {
		return 0
	}
	return e.left(end)
}
