package code

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A scissor finds where a completion ends. Models write on: into what follows,
// out of the block, around in circles.
type scissor struct {
	head  string   // the cursor's line before it
	tail  string   // and after it
	next  []string // lines below it that say something
	floor int      // a line indented less is not wanted; -1: all are
}

// maxNext is how many of the lines below are looked at.
const maxNext = 3

func newScissor(p Place) scissor {
	c := scissor{head: p.head(), floor: -1}
	rest := ""
	c.tail, rest, _ = strings.Cut(p.after(), "\n")
	for line := range strings.Lines(rest) {
		if line = strings.TrimRightFunc(line, unicode.IsSpace); line != "" {
			if c.next = append(c.next, line); len(c.next) == maxNext {
				break
			}
		}
	}
	if c.head != "" {
		c.floor = indentation(c.head)
	}
	return c
}

// cut gives what is wanted of a text that goes on from head, and whether that is
// all: more of the text would not change it. Ended tells that no more comes, and
// whole that the model ended it itself: else a last line that is not whole is left
// out where there are others.
func (c *scissor) cut(text string, ended, whole bool) (kept string, done bool) {
	first, rest, several := strings.Cut(text, "\n")
	if !blank(c.tail) {
		// The line goes on after the cursor, so only this line is filled in.
		kept, done = c.within(first, several || ended)
		return kept, done || several
	}
	if several && c.repeats(c.head+first) {
		return "", true
	}
	kept = first
	open := depth(c.head+first, 0)
	floor := c.floor
	if floor < 0 && !blank(first) {
		floor = indentation(first)
	}
	for more := several; more; {
		var line string
		line, rest, more = strings.Cut(rest, "\n")
		partial := !more && !whole
		switch {
		case !blank(line) && indentation(line) < floor:
			return finish(kept), true // out of the block
		case partial:
			return finish(kept), ended // it could still become anything
		case c.repeats(line), loops(kept, line):
			return finish(kept), true
		case blank(line):
			if open <= 0 && !blank(kept) {
				return finish(kept), true // a paragraph at a time
			}
		case floor < 0:
			floor = indentation(line)
		case open <= 0 && closes(line) && indentation(line) == floor:
			return finish(kept), true // it closes what was open before
		}
		was := open
		open = depth(line, open)
		kept += "\n" + line
		if was > 0 && open <= 0 && indentation(line) <= floor {
			return finish(kept), true // the block is complete
		}
	}
	return finish(kept), false
}

// within is what of a line belongs before the tail of it.
func (c *scissor) within(first string, complete bool) (kept string, done bool) {
	tail := strings.TrimRightFunc(c.tail, unicode.IsSpace)
	closer, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(tail, unicode.IsSpace))
	if at := unmatched(first, closer); at >= 0 {
		return first[:at], true
	}
	if !complete {
		return first, false
	}
	line := strings.TrimRightFunc(first, unicode.IsSpace)
	for _, tail := range []string{tail, strings.TrimSpace(tail)} {
		if text, ok := strings.CutSuffix(line, tail); ok {
			return text, true
		}
	}
	// The model may have begun to write the tail, too.
	for n := min(len(tail), len(line)); n >= 3; n-- {
		if strings.HasSuffix(line, tail[:n]) {
			return line[:len(line)-n], true
		}
	}
	return line, true
}

// outdent takes off a text the space that is before the cursor already, when the
// model began at the line's beginning. A line that is indented less does not
// belong there.
func outdent(head, text string) (_ string, belongs bool) {
	line, _, _ := strings.Cut(text, "\n")
	if !blank(line) && indentation(line) < indentation(head) {
		return "", false
	}
	n := 0
	for n < len(text) && n < len(head) && text[n] == head[n] {
		n++
	}
	return text[n:], true
}

// repeats reports whether a line is the one that follows the cursor anyway.
func (c *scissor) repeats(line string) bool {
	line = strings.TrimRightFunc(line, unicode.IsSpace)
	if len(c.next) == 0 || line != c.next[0] {
		return false
	}
	return !trivial(line) || indentation(line) <= max(0, c.floor)
}

// loops reports whether a line has come often enough.
func loops(kept, line string) bool {
	if trivial(line) {
		return false
	}
	_, before, _ := strings.Cut(kept, "\n")
	n := 0
	for old := range strings.Lines(before) {
		if strings.TrimSuffix(old, "\n") == line {
			n++
		}
	}
	return n >= 2
}

// finish takes the space off the end.
func finish(text string) string {
	if blank(text) {
		return ""
	}
	return strings.TrimRightFunc(text, unicode.IsSpace)
}

// tabWidth is how many columns a tab is worth when indentations are compared.
const tabWidth = 4

// indentation is the column at which a line begins.
func indentation(line string) int {
	n := 0
	for _, r := range line {
		switch r {
		case ' ':
			n++
		case '\t':
			n += tabWidth - n%tabWidth
		default:
			return n
		}
	}
	return n
}

const brackets = "()[]{}"

// depth is how many brackets are open after a line, beginning with so many. A
// line of a language that opens blocks with a colon opens none.
func depth(line string, open int) int {
	for _, r := range line {
		if i := strings.IndexRune(brackets, r); i >= 0 {
			open += 1 - 2*(i%2)
		}
	}
	return open
}

// unmatched is where a line closes with closer what it has not opened, or -1.
func unmatched(line string, closer rune) int {
	kind := strings.IndexRune(brackets, closer)
	if kind < 0 || kind%2 == 0 {
		return -1
	}
	open := 0
	for i, r := range line {
		switch r {
		case rune(brackets[kind-1]):
			open++
		case closer:
			if open--; open < 0 {
				return i
			}
		}
	}
	return -1
}

// closes reports whether a line begins with the end of a block.
func closes(line string) bool {
	line = strings.TrimSpace(line)
	return line != "" && strings.ContainsRune(")]}", rune(line[0])) || line == "end"
}

// trivial reports whether a line could stand anywhere: it has no word.
func trivial(line string) bool {
	line = strings.TrimSpace(line)
	return line == "end" || line == "else" || !strings.ContainsFunc(line, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}
